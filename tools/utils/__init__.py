"""What PaddleRec's model directories import by these names; everything forwards to `rec`."""
