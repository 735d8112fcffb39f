"""What every other part stands on: settings, database, broker, embedded servers, clock and logs."""
