"""Import of stage history, the part that needs no Odoo: what a file says, and the
chain of stays that follows from it."""
