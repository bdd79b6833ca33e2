"""The runner's settings: each declared once, with its type, default and meaning. `--help` prints this file."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from rec.config.calibration import CalibrationSettings, none_or
from rec.config.early_stop import EarlyStop
from rec.config.launched import LaunchedSettings


class RunnerSettings(LaunchedSettings):
    """`runner.*` of a config file. PaddleRec's names where PaddleRec has one."""

    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())

    # Device
    use_gpu: bool = Field(False, description="compute on a GPU (needs the GPU wheel of Paddle)")
    mkl_on_amd: bool = Field(
        True,
        description="on a processor of AMD, tell Paddle's MKL which instructions it has (MKL_DEBUG_CPU_TYPE, where the "
        "environment does not say); false: its own choice, half as fast",
    )
    seed: int = Field(12345, ge=0, lt=2**32, description="seed of initial weights, shuffling and dropout")

    # Training
    train_data_dir: str | list[str] = Field(
        "",
        description="folder of training files, relative to the file that names it; of a table a file, a pattern such "
        "as log/day-*, or a list of these too",
    )
    train_reader_path: str = Field("reader", description="reader module of the model directory, without .py")
    train_batch_size: int | None = Field(None, gt=0, description="impressions a step; null: the reader yields batches")
    epochs: int = Field(1, gt=0, description="passes over the training data")
    shuffle: bool | None = Field(
        None,
        description="visit the training data in a new seeded order each epoch; null: yes for our readers and "
        "InmemoryDataset, no for PaddleRec's, whose iterable data sets have one order only",
    )
    shuffle_chunk: int = Field(
        64,
        gt=0,
        description="impressions of one common row that stay together when prepared data (or a table with "
        "data.common) is shuffled",
    )
    reader_type: Literal["DataLoader", "RecDataset", "CustomizeDataLoader", "QueueDataset", "InmemoryDataset"] = Field(
        "DataLoader",
        description="where a PaddleRec directory's batches come from: the reader's RecDataset (DataLoader), the "
        "model's create_data_loader(), or pipe_command; InmemoryDataset also shuffles all rows",
    )
    pipe_command: str | None = Field(
        None,
        description="shell command that gets a file on its input and prints a row a line, each slot as "
        "<count> <value> ... <value>, in the order of the model's feeds",
    )
    thread_num: int = Field(1, description="PaddleRec's reader threads; without effect: the files are read in order")
    drop_last: bool | None = Field(
        None,
        description="leave out an incomplete last batch in training; null: no for our readers, yes for PaddleRec's",
    )
    num_workers: int = Field(
        0,
        ge=0,
        description="reader processes; 0: this process reads, our readers in a thread",
    )
    print_interval: int = Field(100, gt=0, description="steps between two log lines")
    gradient_cosines: bool = Field(
        False,
        description="log which losses help each other: the cosine of each two losses' gradients on the shared "
        "embedding vectors, cosine_<a>_<b>, a mean over steps; a backward pass more for each loss",
    )
    label_policy: Literal["drop", "keep", "fail"] = Field(
        "drop",
        description="an impression whose labels contradict the behaviours, such as a conversion without the click it "
        "is declared `after`: leave out, take as it is, or stop",
    )
    detect_nan: bool = Field(
        True, description="stop at a loss that is not finite, keeping the last good checkpoint and the batch"
    )
    replay: str | None = Field(
        None,
        description="a batch that was saved because its loss was not finite (.npz): instead of training, take one step "
        "on it from the newest checkpoint, report, and write nothing",
    )

    # Checkpoints
    model_save_path: str = Field("model_output", description="where checkpoints go, relative to the working directory")
    model_init_path: str | None = Field(None, description="checkpoint folder whose weights training starts from")
    warm_start: str | None = Field(
        None, description="checkpoint folder whose weights and optimizer state training starts from, at epoch 0"
    )
    save_format: Literal["safetensors", "pdparams"] | None = Field(
        None,
        description="file format of checkpoints; null: pdparams for PaddleRec's directories, else safetensors; both "
        "are read",
    )
    save_steps: int = Field(0, ge=0, description="steps between two checkpoints within an epoch; 0: none")
    keep_last: int = Field(0, ge=0, description="how many of the newest epochs to keep; 0: all")
    best_metric: str | None = Field(
        None,
        description="validation metric whose best checkpoint is always kept, e.g. auc_ctcvr (needs valid_data_dir); "
        "null: that of early_stop",
    )
    early_stop: EarlyStop | None = Field(
        None,
        description="end training where validations no longer get better: {metric: auc_ctcvr, patience: 2, "
        "min_delta: 0}; the best checkpoint is kept, and is the one that is evaluated and exported",
    )
    valid_steps: int = Field(
        0, ge=0, description="steps between two validations within an epoch, besides that at its end; 0: none"
    )
    calibration: Annotated[CalibrationSettings | None, BeforeValidator(none_or)] = Field(
        None,
        description="at the end of training, fit a correction of the probabilities to the validation data: platt, "
        "isotonic or {kind: platt, by: FIELD}; it is kept in the newest checkpoint, or the best with early_stop, and "
        "where this is set infer.py and exports apply it",
    )
    resume: bool = Field(False, description="go on from the newest checkpoint under model_save_path, if there is one")

    overwrite: bool = Field(
        False,
        description="write over the checkpoints of another run under model_save_path, one with another model, data or "
        "hyper-parameters; the same run may always be repeated",
    )

    use_out_vec: bool = Field(False, description="write the trained embedding emb_weight_name to out_vec_path")
    emb_weight_name: str | None = Field(
        None, description="the embedding's parameter: its name in the checkpoint, or the one its ParamAttr gives it"
    )
    out_vec_path: str | None = Field(
        None, description="file for the embedding: .npy, float32 [rows, width], or else text, a line `row v1 v2 ...`"
    )

    # Evaluation
    valid_data_dir: str | list[str] | None = Field(
        None, description="folder evaluated after each training epoch; with data.valid_share: the training folder"
    )
    test_data_dir: str | list[str] = Field("", description="the same of test files")
    infer_reader_path: str = Field("reader", description="reader module used in evaluation, without .py")
    infer_batch_size: int | None = Field(None, gt=0, description="impressions a step in evaluation")
    infer_load_path: str | None = Field(
        None, description="checkpoints to evaluate, relative to the working directory; null: model_save_path"
    )
    infer_start_epoch: int = Field(0, ge=0, description="first epoch to evaluate")
    infer_end_epoch: int | None = Field(
        None, description="evaluate epochs below this one; null: all that were trained from infer_start_epoch on"
    )
    infer_checkpoint: Literal["epochs", "best", "latest"] | None = Field(
        None,
        description="evaluate the epochs from start to end, or the one best or newest checkpoint; null: the best with "
        "early_stop, else the newest with calibration, else the epochs",
    )
    predict_save_path: str | None = Field(
        None,
        description="write a row per impression to this .parquet or .csv file (sample id, labels, probabilities)",
    )

    use_save_data: bool = Field(
        False,
        description="PaddleRec's switch for keeping what infer computes: without predict_save_path, into "
        "predictions.parquet in the last evaluated checkpoint",
    )

    metrics: list[str | dict[str, Any]] = Field(
        [],
        description="what evaluation and validation measure of each task besides, with intervals: names, or names with "
        "options, e.g. [logloss, ece, {gauc: {by: user}}, ndcg@10] (--help metrics lists them)",
    )
    segments: list[str] = Field(
        [],
        description="what evaluation measures it by: columns of a table or fields, is_new_FIELD (values that training "
        "has not seen) and quantile(NUMBER) or quantile(NUMBER, PARTS)",
    )

    # Export (PaddleRec's static models)
    use_inference: bool = Field(False, description="write an inference model, rec_inference.*, beside each checkpoint")
    save_inference_feed_varnames: list[str] = Field([], description="its inputs by name; none: all that it needs")
    save_inference_fetch_varnames: list[str] = Field(
        [], description="its outputs: names in what infer_net returns, or such as softmax_0.tmp_0; none: all returned"
    )

    # Report
    use_visual: bool = Field(
        False, description="write curves for VisualDL, or TensorBoard where VisualDL does not work"
    )
    use_auc: bool = Field(
        False, description="PaddleRec's switch for starting AUC anew in each epoch; metrics always do so here"
    )
    auc_num: int = Field(1, description="PaddleRec's number of AUCs to start anew; here all of them")

    @property
    def best_by(self) -> str | None:
        """The metric whose best checkpoint is kept."""
        return self.best_metric or (self.early_stop.metric if self.early_stop else None)

    @property
    def evaluates(self) -> str:
        """Which checkpoints are evaluated."""
        return self.infer_checkpoint or ("best" if self.early_stop else "latest" if self.calibration else "epochs")
