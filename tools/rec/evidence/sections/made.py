"""How the page came about: checkpoint, data, config, versions."""

from __future__ import annotations

import datetime
import platform
from importlib.metadata import version

from rec.evidence.opened import Opened
from rec.evidence.scored import Scored
from rec.report.html.page import Raw, Section, Table
from rec.report.html.text import Text, count, same

_PACKAGES = ("paddlepaddle", "numpy", "pyarrow", "scipy", "matplotlib")


def made(runs: list[tuple[Opened, Scored]]) -> Section:
    """Of each run, a table and its config."""
    facts = [_facts(opened, scored) for opened, scored in runs]
    rows = [[name, *(same(each[name]) for each in facts)] for name in facts[0]]
    header = [Text("what", "项目"), *(same(opened.name) for opened, _ in runs)]
    raws = [
        Raw(Text(f"config of {opened.name}", f"{opened.name} 的配置"), opened.run.config.to_yaml())
        for opened, _ in runs
    ]
    return Section(
        "made", Text("How this page came about", "本页的来历"),
        Text(
            "What is needed to do the same again. A fingerprint names the data files and samples of what they hold: "
            "other fingerprints are other data.",
            "复现所需的信息。指纹由数据文件名及其内容片段算出：指纹不同即数据不同。",
        ),
        [Table(header, rows, Text("Facts", "事实"), left=1 + len(runs)), *raws],
    )  # fmt: skip


def _facts(opened: Opened, scored: Scored) -> dict[Text, str]:
    config, manifest = opened.run.config, opened.manifest
    tests = ", ".join(map(str, config.places(config.runner.test_data_dir)))
    trained = ", ".join(map(str, config.places(config.runner.train_data_dir)))
    saved = datetime.datetime.fromtimestamp(manifest.saved, datetime.timezone.utc)
    return {
        Text("checkpoint", "检查点"): str(opened.checkpoint.resolve()),
        Text("model directory", "模型目录"): str(config.model_dir),
        Text("complete epochs", "完整轮数"): count(manifest.epoch + (manifest.next_batch is None)),
        Text("updates", "更新步数"): count(manifest.step),
        Text("saved", "保存时间"): f"{saved:%Y-%m-%d %H:%M} UTC",
        Text("trainable numbers", "可训练参数"): count(sum(opened.run.engine.num_parameter().values())),
        Text("training data", "训练数据"): trained,
        Text("their fingerprint", "训练数据指纹"): opened.training_data or "–",
        Text("test data", "测试数据"): tests,
        Text("their fingerprint ", "测试数据指纹"): opened.test_data or "–",
        Text("test rows", "测试样本数"): count(len(scored)),
        Text("versions", "版本"): _versions(),
    }  # fmt: skip


def _versions() -> str:
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)])
