"""What a header, a comment and a cell of a text file may say: the axis, the quantity, units, names, and numbers."""
