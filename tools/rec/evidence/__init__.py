"""What a trained model's test rows say: gathered, judged, and written as one page."""
