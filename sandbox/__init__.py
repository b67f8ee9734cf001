"""The lake on a laptop: two AWS accounts on one emulator, with the shipped templates deployed into them."""
