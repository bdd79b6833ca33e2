"""What static models written for Paddle's old IR need to run as PIR programs."""
