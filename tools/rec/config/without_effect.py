"""Settings of PaddleRec's that a config may hold and that do nothing."""

WITHOUT_EFFECT = {
    "use_xpu": "the device is a CPU or, with use_gpu, a GPU",
    "use_npu": "the device is a CPU or, with use_gpu, a GPU",
    "use_fleet": "training runs in one process",
    "sync_mode": "training runs in one process",
    "split_file_list": "training runs in one process, which reads every file",
    "thread_num": "files are read in order (num_workers sets the number of reader processes)",
    "dataset_debug": "runner.replay and tools/doctor.py look at batches",
}
"""Settings of PaddleRec's that mean nothing here, and why."""
