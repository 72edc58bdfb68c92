"""A caption's words as the COCO caption evaluation counts them, without Java.

The evaluation runs Stanford's PTBTokenizer with -preserveLines -lowerCase and drops a list of punctuation marks. What is
here follows that tokenizer's observed behaviour on captions: contractions are split (`do n't`, `dog 's`, `can not`),
hyphenated words stay whole, abbreviations keep their full stop, brackets become `-lrb-` and `-rrb-`, which the
evaluation's list, being in capitals, does not drop. docs/metrics.md says how often the two agree.
"""

import re

LETTER = r"[^\W\d_]"
SIGN = r"[^\W_]"  # a letter or a digit
ALWAYS = (  # abbreviations in capitals or not
    "adj adm adv al ala apr ariz assn assoc asst atty aug ave bhd bldg blvd brig bros calif capt cf cmdr co col colo "
    "conn corp cos cpl ct dak dec dept det dr elec ens esq est etc ext feb fla fri ft ga gen gov hon inc ind insp intl "
    "jan jr jul jun kan kans ky lt ltd maj mar md messrs mfg mich minn mlle mme mo mon mont mr mrs ms mt natl neb nev "
    "nov oct okla penn pfc ph plc pres prof pty pvt rd rep rev sen sep sept seq sgt spc sq sr st ste supt sys tel tenn "
    "thu thurs treas tue tues univ va vs vt wed wis wisc wyo"
)
CAPITALISED = "Ark Del Ill La Mass Miss Ore Pa Tex Wash"  # words of their own otherwise
BEFORE_NUMBERS = "art ca fig figs no nos op pp"
TOKEN = re.compile(
    rf"""
      [A-Za-z]+ (?=\s|$)                                            # a plain word: most of them
    | https?://\S+ | www\.[^\s,]+[^\s,.]
    | {SIGN}[\w.+-]*@[\w-]+(?:\.[\w-]+)*
    | </?[A-Za-z][^<>]*>                                            # a tag
    | &(?:lt|gt|quot);
    | [<>]?[:;=][-o']?[()\[\]DPdp](?!{SIGN})                        # :-)
    | {LETTER}(?:\.{LETTER})+(?!\.?{LETTER})\.?(?:-{SIGN}+)*        # u.s.
    | {LETTER}+(?:[.!?]{LETTER}+)+(?:/\S*{SIGN})?                   # site.com
    | (?:{LETTER}|(?i:{"|".join(ALWAYS.split())})|{"|".join(CAPITALISED.split())})\.(?!{SIGN})
    | (?i:{"|".join(BEFORE_NUMBERS.split())})\.(?=\s*\d)
    | {LETTER}+?(?=(?i:n['`]t)(?!{LETTER})) | (?i:n['`]t)(?!{LETTER})
    | '(?i:s|m|d|re|ve|ll)(?!{SIGN}) | '(?i:cause|em|til)\b | '[nN]\b'? | '[tT](?=(?i:is|was)\b) | (?<!{SIGN})'\d\ds?(?!{SIGN})
    | (?i:[cdjlnos]|qu)'(?!(?i:ll|re|ve)\b){LETTER}{{2,}}(?:-{SIGN}+)* | (?i:cap'n|li'l|ma'am|[no]?e'er|o'er)\b
    | (?i:[dy]'(?=[a-z]{{2}})(?!(?i:ll|re|ve)\b)) | (?i:ol')
    | (?:(?<!{SIGN})[-+])?(?:\d+(?:[.,:/]\d+)+|\.\d+|(?<=[-+])\d+)(?:-\d*{LETTER}{SIGN}*)*
    | [A-Z]+&[A-Z]+(?!{SIGN})                                       # R&B
    | {SIGN}+(?:[-_/]{SIGN}+|-d'{LETTER}{{2,}})*                              # hyphenated words
    | [@\#]{LETTER}\w*
    | [!?]{{2,}} | \*+ | _+
    | [^\s.,:;'"`!?-]                                               # any sign that is not dropped
    """,
    re.VERBOSE,
)
SPLIT = {
    "cannot": ("can", "not"),
    "gimme": ("gim", "me"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "lemme": ("lem", "me"),
    "wanna": ("wan", "na"),
    "&lt;": ("<",),
    "&gt;": (">",),
    "&quot;": (),
}
BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
PLAIN = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "‹": "'",
        "›": "'",
        "–": " -- ",
        "—": " -- ",
        "―": " -- ",
        "…": " ... ",
        "€": " $ ",
        "£": " # ",
        "¢": " cents ",
        "¼": "1/4",
        "½": "1/2",
        "¾": "3/4",
        "\u00ad": "",
        "\u200b": " ",
        "\ufeff": "",
    }
)


def caption_words(text: str) -> list[str]:
    """The words of a caption in lower case, without punctuation; none for a caption that says nothing."""
    if not text.isascii():
        text = text.translate(PLAIN)
    words: list[str] = []
    for token in TOKEN.findall(text.replace("&amp;", "&")):
        word = token.lower()
        if word in SPLIT:
            words += SPLIT[word]
        elif word.isalnum():
            words.append(word)
        else:  # of a smiley, round brackets alone are written out
            words.append(BRACKETS.get(word) or word.replace("(", "-lrb-").replace(")", "-rrb-"))
    return words
