"""The runner's settings: each declared once, with its type, default and meaning. `--help` prints this file."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RunnerSettings(BaseModel):
    """`runner.*` of a config file. PaddleRec's names where PaddleRec has one."""

    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())

    # Device
    use_gpu: bool = Field(False, description="compute on a GPU (needs the GPU wheel of Paddle)")
    seed: int = Field(12345, ge=0, description="seed of initial weights, shuffling and dropout")

    # Training
    train_data_dir: str = Field("", description="folder of training files, relative to the model directory")
    train_reader_path: str = Field("reader", description="reader module of the model directory, without .py")
    train_batch_size: int | None = Field(None, gt=0, description="exposures a step; null: the reader yields batches")
    epochs: int = Field(1, gt=0, description="passes over the training data")
    shuffle: bool = Field(True, description="visit the training data in a new seeded order each epoch")
    shuffle_chunk: int = Field(
        64, gt=0, description="exposures of one common row that stay together when prepared data is shuffled"
    )
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
    label_policy: Literal["drop", "keep", "fail"] = Field(
        "drop", description="an exposure with a conversion but no click: leave out, take as it is, or stop"
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
    save_format: Literal["safetensors", "pdparams"] = Field(
        "safetensors", description="file format of checkpoints; both are read"
    )
    save_steps: int = Field(0, ge=0, description="steps between two checkpoints within an epoch; 0: none")
    keep_last: int = Field(0, ge=0, description="how many of the newest epochs to keep; 0: all")
    best_metric: str | None = Field(
        None, description="validation metric whose best epoch is always kept, e.g. auc_ctcvr (needs valid_data_dir)"
    )
    resume: bool = Field(False, description="go on from the newest checkpoint under model_save_path, if there is one")

    # Evaluation
    valid_data_dir: str | None = Field(None, description="folder evaluated after each training epoch")
    test_data_dir: str = Field("", description="folder of test files, relative to the model directory")
    infer_reader_path: str = Field("reader", description="reader module used in evaluation, without .py")
    infer_batch_size: int | None = Field(None, gt=0, description="exposures a step in evaluation")
    infer_load_path: str = Field(
        "model_output", description="checkpoints to evaluate, relative to the working directory"
    )
    infer_start_epoch: int = Field(0, ge=0, description="first epoch to evaluate")
    infer_end_epoch: int = Field(10, description="evaluate epochs below this one")
    infer_checkpoint: Literal["epochs", "best", "latest"] = Field(
        "epochs", description="evaluate the epochs from start to end, or the one best or newest checkpoint"
    )
    predict_save_path: str | None = Field(
        None, description="write one row per exposure to this .parquet or .csv file (sample id, labels, probabilities)"
    )

    # Report
    use_visual: bool = Field(
        False, description="write curves for VisualDL, or TensorBoard where VisualDL does not work"
    )
    use_auc: bool = Field(False, description="PaddleRec's switch for resetting AUC in static mode; ours always counts")
    auc_num: int = Field(1, description="PaddleRec's number of AUCs in static mode; ours knows the tasks")
