"""The weekly recommendations batch, as cron has always run it."""
