"""What a user starts. Answers a mistyped command without importing torch."""
