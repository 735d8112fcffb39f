"""The two paths side by side: recorded outcomes, the job they do, the tap on the legacy script."""
