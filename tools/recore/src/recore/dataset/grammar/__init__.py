"""What a header, a comment and a cell of a text file may say: the axis, the quantity, units, names, and numbers."""

# What answers a question in the file itself, for those who have no options; "" if it has to be another file.
QUESTIONS = {
    "unit": "call the axis 'wavenumber (cm-1)' or 'wavelength (nm)', or the channels '1005 nm'",
    "quantity": "if the values are absorbance, call them so",
    "decimal": "write all numbers with a decimal point and without thousands marks",
    "sample": "call the column of the samples 'sample'",
    "replicate": "",
    "content-unit": "add the unit to the names of the columns",
    "target": "give each target one column, called as in the schema",
    "channels": "name the channels by their wavenumbers",
    "peaks": "",
    "format": "",
    "layout": "",
}


class Question(ValueError):
    """A file does not say what decides its numbers. The message names the remedy. id: one of QUESTIONS."""

    def __init__(self, id: str, message: str) -> None:
        super().__init__(id, message)
        self.id, self.message = id, message

    def __str__(self) -> str:
        return self.message
