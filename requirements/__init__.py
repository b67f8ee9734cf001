"""What each environment holds (NAME.in, compiled to NAME.lock), and the check that this Python has it."""
