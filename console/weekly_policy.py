"""How the outcomes of weekly recommendations are compared: what docs/rule.md calls a difference, as data."""

from reconcile import FieldRule, Normalisation, Policy

POLICY = Policy(
    name="weekly recommendations",
    fields=(
        FieldRule(field="items", show="list", identity="product_id", ordered=True),
        FieldRule(field="subject", show="text"),
        FieldRule(field="html", show="html"),
        FieldRule(field="text", show="text"),
    ),
    normalisations=(
        Normalisation(
            field="html",
            pattern=r"(?is)<style\b.*?</style>|\s(?:style|class)=\"[^\"]*\"(?=[^<>]*>)",
            replacement="",
            why="how it looks is each template's own business; docs/rule.md fixes elements, text and links",
        ),
        Normalisation(
            field="html",
            pattern=r"\s*(<[^>]*>)\s*",
            replacement=r"\1",
            why="the templates break lines beside tags, each where it likes; docs/rule.md fixes no white space there",
        ),
    ),
)
