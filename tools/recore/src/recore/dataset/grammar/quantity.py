"""Find the quantity that a header or comment states. Only absorbance is imported; reflectance can be converted."""

import re

from recore.dataset.grammar import Ambiguity, separate_words

# techniques that are named after reflectance, but export absorbance
TECHNIQUE = (
    r"\bdiffuse reflect(ance|ion) (infrared|ft|fourier|accessory|cell|unit)|\battenuated total reflect(ance|ion)"
)
OTHER_QUANTITIES = {
    "Kubelka-Munk values": r"\bkubelka|\bmunk|\bk ?[-/] ?m\b|\bf ?\( ?r",
    "absorptance": r"\babsorptance|\babsorptivit|\b(absorption|extinction) coeff",
    "emissivity": r"\bemissiv|\bemitt?ance|\bemission",
    "radiance": r"\bradiance",
    "a single-channel spectrum": r"\bsingle[ -]?(beam|channel)|\beinkanal|\binterferogra",
    "a photoacoustic spectrum": r"\bphotoacoust",
    "a refractive index": r"\brefracti",
    "a natural logarithm": (
        r"\bln(?![b-z]|a(?!bs))|\bbase e\b|\blog ?e\b|\bnatural log|\bn[ae]p(i?er|er)i[ae]\w*|\bnepers?\b"
        r"|\boptical (depth|thickness)"
    ),
    "a difference of spectra": (
        r"\bdiff(erence|erential|\.)?[ -]?(abs|spectr|a\b)|\b(abs|spectr|a\b)\w*[ .,:(]*(diff|residual)"
        r"|\bdifferenz ?(spek|ext|abs)|(\u03b4|\u2206|\bdelta)[ -]?(a|abs\w*|od|m ?(au|od|abs))\b"
        r"|\bresidual (spectr|abs)|\bsubtracted (spectr|abs)"
        r"|\b(base ?line|blank|solvent|mean|spectrum|reference)[ -](was |were |is )?(subtract|removed)"
    ),
    "a percentage": r"\babsorbance ?[(\[]? ?(%|pct\b|percent)|% ?absorbance",
    "a logarithm of reflectance": r"(?<!-)(?<!- )\blog ?(10)? ?\(? ?r\b",
    "milliabsorbance units": r"\b[m\u03bc] ?(a ?\.? ?u|od|abs\w*)\b|\b(milli|micro)[ -]?(a|od\b)",
    "a Raman spectrum": r"\braman\b",
    "a derivative": (
        r"\bderiv|\bableitung|\b(1st|2nd|first|second) ?(der|diff)\w*\b|\bd ?\(? ?a ?\)? ?/ ?d"
        r"|\b(savitzky|savgol)\b"
    ),
    "preprocessed values": r"\b(snv|msc|detrend\w*)\b|\bcontinuum|\bnormali[sz]ed|\bstandard normal|\bmean[ -]cent",
}
# words with this meaning only in a header: a comment can be about the drill hole D1 or the number of scans
HEADER_WORDS = {
    "Kubelka-Munk values": r"\bkm\b",
    "a derivative": r"\bd[12]\b",
    "detector counts": r"\b(counts|raw dn|volts?)\b",
    "1 - R": r"\b1 ?- ?r\b",
    "1 / R": r"^\W*1 ?/ ?r\b",
    "a difference of spectra": r"\bresiduals?\b(?! (soil|clay|sand|deposit))|\bsubtracted\b|^\W*d ?a\W*$",
}
# the values can be converted, but not by an option
FIXES = {
    "a natural logarithm": "divide the values by ln(10) = 2.302585, and name them absorbance",
    "milliabsorbance units": "convert the values to absorbance, and correct the name",
    "a difference of spectra": "export the absorbance of the samples",
    "a percentage": "convert the values to absorbance, and correct the name",
}
NEGATION = r"\b(no|not|without|non|ohne|keine?)[ -](an? )?\w+"
ABSORBANCE = (
    r"\babsorb|\babsorption\b|\babs\b|\bextin[ck]tion\b|\blog ?(10)? ?[(\[]? ?1 ?/ ?\w*|- ?log ?(10)?\b ?\(? ?\w*"
)
CONVERSIONS = {
    "reflectance": r"\brefle[ckx]|\briflett|\b(refl|rfl|brf)\b|\bremission|\bodbici|% ?r\b|\br ?[(\[]? ?%",
    "transmittance": r"\btransm|\btrasmi|\bdurchl|% ?trans|% ?t\b|\bt ?[(\[]? ?%",
}
COMPLETE_HEADERS = {"a": "absorbance", "r": "reflectance", "t": "transmittance", "trans": "transmittance"}


def stated_quantity(header: str, is_header: bool = True) -> str:
    """Return the quantity that a header or comment states: "absorbance", "reflectance", ..., or "" if it states none.

    Raises Ambiguity if it states several quantities.
    """
    words = re.sub(f"{TECHNIQUE}|{NEGATION}", "", separate_words(header)).strip()
    if quantity := COMPLETE_HEADERS.get(words.strip(" .()[]")):
        return quantity
    patterns = [*OTHER_QUANTITIES.items(), *(HEADER_WORDS.items() if is_header else ())]
    if other := next((name for name, pattern in patterns if re.search(pattern, words)), ""):
        return other
    quantities = ["absorbance"] if re.search(ABSORBANCE, words) else []
    other_words = re.sub(ABSORBANCE, "", words)  # log(1/reflectance) is absorbance alone
    quantities += [name for name, pattern in CONVERSIONS.items() if re.search(pattern, other_words)]
    if len(quantities) > 1:
        fix = "keep only the words for the quantity of the values"
        raise Ambiguity("quantity", f"{header.strip()[:60]!r} mentions {' and '.join(quantities)}; {fix}")
    return quantities[0] if quantities else ""
