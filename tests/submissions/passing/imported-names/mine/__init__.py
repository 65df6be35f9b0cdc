from .ridge import Ridge
