"""What a person runs on the lake: `python -m scripts.<verb>`, thin over the AWS APIs."""
