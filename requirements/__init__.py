"""The packages of each environment (NAME.in, compiled to NAME.lock), and the check that Python has them."""
