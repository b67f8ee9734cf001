"""Small histories of one item, split between settled and unsettled rows in every way."""
