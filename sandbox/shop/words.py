"""The words of the synthetic shop: what its products and its users are called."""

CATEGORIES: tuple[tuple[str, ...], ...] = (
    ("Lantern", "Candle Holder", "Tealight Holder", "Table Lamp"),
    ("Mug", "Tea Cup", "Teapot", "Milk Jug"),
    ("Cushion", "Throw", "Blanket", "Pillow Case"),
    ("Lunch Box", "Picnic Basket", "Water Bottle", "Snack Tin"),
    ("Wall Clock", "Alarm Clock", "Kitchen Timer", "Hourglass"),
    ("Photo Frame", "Mirror", "Wall Sign", "Poster"),
    ("Shopping Bag", "Tote", "Wash Bag", "Purse"),
    ("Bunting", "Paper Chain", "Garland", "Balloon Set"),
    ("Cake Stand", "Cake Tin", "Baking Tray", "Cookie Cutter"),
    ("Necklace", "Bracelet", "Earrings", "Brooch"),
    ("Notebook", "Greeting Card", "Pencil Case", "Gift Wrap"),
    ("Teddy", "Puzzle", "Spinning Top", "Doll"),
    ("Flower Pot", "Watering Can", "Bird Feeder", "Trowel"),
    ("Apron", "Tea Towel", "Oven Glove", "Napkin Set"),
    ("Soap Dish", "Bath Mat", "Towel", "Toothbrush Mug"),
    ("Coat Hook", "Door Stop", "Key Rack", "Umbrella Stand"),
    ("Storage Jar", "Bread Bin", "Spice Rack", "Egg Basket"),
    ("Scarf", "Gloves", "Hat", "Socks"),
    ("Advent Calendar", "Bauble", "Stocking", "Tree Topper"),
    ("Radio", "Record Box", "Typewriter Tin", "Postcard Rack"),
    ("Drawer Knob", "Cabinet", "Side Table", "Stool"),
    ("Incense", "Scented Candle", "Diffuser", "Soap Bar"),
    ("Dog Bowl", "Cat Basket", "Leash", "Bird Bath"),
    ("Vase", "Fruit Bowl", "Serving Plate", "Carafe"),
)
"""What is sold, by category."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MATERIALS = _words(
    "Enamel Ceramic Wooden Glass Linen Cotton Felt Wicker Brass Zinc Marble Bamboo Paper Velvet Leather Porcelain"
)
MOTIFS = _words(
    "Garden Rose Heart Star Polkadot Retrospot Skull Union Strawberry Owl Woodland Paisley Botanical Nautical Circus "
    "Café Forest Bird Butterfly Moon Alpine Harvest"
)
COLOURS = _words("Blue Red Ivory Green Pink Black White Mustard Grey Lilac Turquoise Copper")
FLOURISHES = (' "Limited"', " & Friends", " <Set of 2>", " Nº 5", " 50% Larger", " d'Été")
"""What a few names end in, to try whoever writes them into a page, a URL or a header."""

FIRST_NAMES = _words(
    "Ann Brian Chloe David Emma Farid Grace Hugo Ingrid Jack Katya Liam Maria Nadia Oscar Priya Quentin Rosa "
    "Sven Tara Umar Vera Wesley Xavier Yasmin Zoë Björn Chloé Dağhan Łukasz Márta Nuño Søren Þóra Jean-Luc "
    "Анна Дмитрий Ольга Σοφία Γιώργος 美咲 健太 伟 秀英 민준 서연 प्रिया अर्जुन אליענה يوسف أمينة สมชาย Nguyễn"
)
NASTY_NAMES = (
    "",
    "O'Brien",
    "<b>Bold</b>",
    "<script>alert(1)</script>",
    'Zoë "Zed" & Co.',
    "{{ name }}",
    "Robert'); DROP TABLE users;--",
    "🎁 Gift Lover 👩‍👩‍👧",
    "\u202eevil\u202c",
    "שרה and Sam",
    "Two\nLines",
    "  spaced  ",
    "Ma\u0308rta",
)
"""Names which nothing on the way to an inbox may mishandle."""
