"""What a statement does: `dispatch` tells the forms apart; each of the others runs its own."""
