"""What happens because of events: catalogue, taste, recommendations, weekly e-mails."""
