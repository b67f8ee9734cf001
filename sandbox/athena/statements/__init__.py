"""Statements: `dispatch` recognises the forms; each other module runs one of them."""
