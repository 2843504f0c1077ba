"""What does it cost? Each module answers one question for `./dev bench`, in ratios of one run."""
