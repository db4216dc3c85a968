"""The small made-up world that the embedded data speaks about: words, people, plans; and random numbers of our own, so that
the data is the same with every version of Python."""


class Rng:
    """PCG32 (O'Neill 2014, pcg_oneseq_64_xsh_rr_32)."""

    def __init__(self, seed):
        self.state = seed
        self.next()

    def next(self):
        old = self.state
        self.state = (old * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        shifted = (((old >> 18) ^ old) >> 27) & 0xFFFFFFFF
        turn = old >> 59
        return ((shifted >> turn) | (shifted << (32 - turn))) & 0xFFFFFFFF

    def below(self, n):
        return self.next() * n >> 32

    def pick(self, items):
        return items[self.below(len(items))]

    def sample(self, items, n):
        """n different items in random order."""
        pool = list(items)
        for i in range(n):
            j = i + self.below(len(pool) - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:n]

    def shuffled(self, items):
        return self.sample(items, len(items))


# English, Russian, its gender, English plural.
ANIMALS = [("cat", "кот", "m", "cats"), ("dog", "собака", "f", "dogs"), ("fox", "лиса", "f", "foxes"),
           ("wolf", "волк", "m", "wolves"), ("cow", "корова", "f", "cows"), ("goat", "коза", "f", "goats")]
FOODS = [("soup", "суп", "m", "soups"), ("pear", "груша", "f", "pears"), ("plum", "слива", "f", "plums"),
         ("cake", "торт", "m", "cakes"), ("melon", "дыня", "f", "melons"), ("pie", "пирог", "m", "pies")]
THINGS = [("knife", "нож", "m", "knives"), ("lamp", "лампа", "f", "lamps"), ("book", "книга", "f", "books"),
          ("cup", "чашка", "f", "cups"), ("ball", "мяч", "m", "balls"), ("key", "ключ", "m", "keys")]
PLACES = [("house", "дом", "m", "houses"), ("garden", "сад", "m", "gardens"), ("school", "школа", "f", "schools"),
          ("forest", "лес", "m", "forests"), ("park", "парк", "m", "parks"), ("market", "рынок", "m", "markets")]
JOBS = [("doctor", "врач", "m", "doctors"), ("teacher", "учитель", "m", "teachers"), ("cook", "повар", "m", "cooks"),
        ("farmer", "фермер", "m", "farmers"), ("painter", "художник", "m", "painters"), ("driver", "водитель", "m", "drivers")]
NOUNS = ANIMALS + FOODS + THINGS + PLACES

# English: Russian masculine and feminine.
COLOURS = {"red": ("красный", "красная"), "white": ("белый", "белая"), "black": ("чёрный", "чёрная"),
           "green": ("зелёный", "зелёная"), "yellow": ("жёлтый", "жёлтая"), "grey": ("серый", "серая")}
QUALITIES = {"big": ("большой", "большая"), "small": ("маленький", "маленькая"), "old": ("старый", "старая"),
             "new": ("новый", "новая"), "clean": ("чистый", "чистая"), "dirty": ("грязный", "грязная"),
             "strong": ("сильный", "сильная"), "weak": ("слабый", "слабая"), "good": ("хороший", "хорошая"),
             "bad": ("плохой", "плохая")}
ADJECTIVES = {**COLOURS, **QUALITIES}
PAIRS = [("big", "small"), ("old", "new"), ("clean", "dirty"), ("strong", "weak"), ("good", "bad")]
OPPOSITE = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}

CATEGORIES = {"animals": [n[0] for n in ANIMALS], "food": [n[0] for n in FOODS], "things": [n[0] for n in THINGS],
              "places": [n[0] for n in PLACES], "jobs": [n[0] for n in JOBS], "colours": list(COLOURS)}

# Where something happens, in both languages.
WHERE = [("in the house", "в доме"), ("in the garden", "в саду"), ("at school", "в школе"), ("in the forest", "в лесу"),
         ("in the park", "в парке"), ("at the market", "на рынке")]
DOES = [("sleeps", "спит"), ("sits", "сидит"), ("eats", "ест"), ("sings", "поёт"), ("runs", "бежит")]
# Verbs with a thing as their object, and their past.
TAKES = [("finds", "found"), ("sees", "saw"), ("buys", "bought"), ("takes", "took"), ("sells", "sold"), ("holds", "held")]

WOMEN = ["Anna", "Mila", "Vera", "Lena", "Nina", "Kate", "Eva", "Zoe", "Rita", "Olga"]
MEN = ["Ivan", "Oleg", "Boris", "Pavel", "Igor", "Tom", "Sam", "Max", "Lev", "Mark"]
NAMES = [name for pair in zip(WOMEN, MEN) for name in pair]
TOWNS = ["Tver", "Omsk", "Perm", "Paris", "Rome", "Oslo"]


def _people():
    rng, people = Rng(1), {}
    for name in NAMES:
        people[name] = {"town": rng.pick(TOWNS), "job": rng.pick(JOBS)[0], "pet": rng.pick(ANIMALS)[0]}
    return people


PEOPLE = _people()

PLANS = {"make tea": ["boil water", "fill the cup", "add sugar", "drink tea"],
         "make soup": ["wash potatoes", "cut potatoes", "cook soup", "eat soup"],
         "bake bread": ["buy flour", "mix dough", "heat the oven", "cut bread"],
         "plant a tree": ["dig a hole", "set the tree", "cover the roots", "bring water"],
         "send a letter": ["take paper", "write words", "close the letter", "find the post"],
         "paint a wall": ["clean the wall", "open the paint", "take a brush", "dry the wall"]}

MOODS = {"happy": ["laughs", "smiles", "dances"], "sad": ["cries", "sighs", "weeps"], "angry": ["shouts", "stamps", "growls"],
         "tired": ["yawns", "dozes", "naps"]}
PRAISE = ["great", "nice", "lovely", "fine"]
BLAME = ["awful", "ugly", "poor", "nasty"]
SEASONS = {"зима": ["идёт снег", "замёрз лёд"], "весна": ["тает лёд", "цветут цветы"], "лето": ["стоит жара", "зреют ягоды"],
           "осень": ["падают листья", "льёт дождь"]}


def russian_phrase(adjective, noun):
    """Adjective and noun, the adjective in the noun's gender. `noun` is a row of a table above."""
    return f"{ADJECTIVES[adjective]['mf'.index(noun[2])]} {noun[1]}"
