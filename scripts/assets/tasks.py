"""The 24 tasks in 8 clusters. A task makes (input, output) pairs; its instruction is said in six ways, of which the pretraining
text knows the first four."""

from world import (ADJECTIVES, ANIMALS, BLAME, CATEGORIES, COLOURS, DOES, FOODS, JOBS, MOODS, NAMES, NOUNS, OPPOSITE, PEOPLE,
                   PLANS, PRAISE, QUALITIES, SEASONS, TAKES, THINGS, WHERE, WOMEN, russian_phrase)

TASKS = []  # in order of declaration
COUNTED = [n[3] for n in FOODS + THINGS]


class Task:
    def __init__(self, cluster, name, make, instructions):
        self.cluster, self.name, self.make, self.instructions = cluster, name, make, instructions


def task(cluster, *instructions):
    """Declares the function below it, make(rng, part) → (input, output), as a task. `part`: text, train or test."""

    def declare(make):
        TASKS.append(Task(cluster, make.__name__, make, instructions))
        return make

    return declare


@task("translation", "Translate into Russian.", "Say it in Russian.", "Переведи на русский.", "Give the Russian words.",
      "How do Russians say this?", "Скажи это по-русски.")
def phrase_to_russian(rng, part):
    adjective, noun = rng.pick(list(ADJECTIVES)), rng.pick(NOUNS)
    return f"{adjective} {noun[0]}", russian_phrase(adjective, noun)


@task("translation", "Translate into English.", "Say it in English.", "Переведи на английский.", "Give the English words.",
      "What is this in English?", "Скажи это по-английски.")
def phrase_to_english(rng, part):
    english, russian = phrase_to_russian(rng, part)
    return russian, english


@task("translation", "Translate the sentence into Russian.", "Say the sentence in Russian.", "Переведи предложение на русский.",
      "Write the sentence in Russian.", "How do Russians say this sentence?", "Скажи это предложение по-русски.")
def sentence_to_russian(rng, part):
    who, does, where = rng.pick(ANIMALS + JOBS), rng.pick(DOES), rng.pick(WHERE)
    return f"the {who[0]} {does[0]} {where[0]}", f"{who[1]} {does[1]} {where[1]}"


@task("planning", "What is the next step?", "Name the next step.", "What comes next?", "What must be done after this?",
      "Which step follows?", "Какой шаг следующий?")
def next_step(rng, part):
    goal = rng.pick(list(PLANS))
    done = rng.below(3)
    return f"{rng.pick(NAMES)} wants to {goal}, done: {PLANS[goal][done]}", PLANS[goal][done + 1]


@task("planning", "Which step comes first?", "Name the first step.", "What is done first?", "Choose the earlier step.",
      "With what does one begin?", "Какой шаг первый?")
def first_step(rng, part):
    steps = PLANS[rng.pick(list(PLANS))]
    two = rng.sample(range(4), 2)
    return f"{rng.pick(NAMES)} plans: {steps[two[0]]}, {steps[two[1]]}", steps[min(two)]


@task("planning", "What is the goal?", "Name the goal of the steps.", "What are the steps for?", "Say what the plan is for.",
      "What does one want to do?", "Какая цель у плана?")
def goal_of_steps(rng, part):
    goal = rng.pick(list(PLANS))
    return f"{rng.pick(NAMES)} plans: " + ", ".join(rng.sample(PLANS[goal], 2)), goal


def two_counts(rng):
    a, b = rng.sample(NAMES, 2)
    n, m = rng.sample(range(2, 9), 2)
    return a, b, n, m, rng.pick(COUNTED)


@task("arithmetic", "How many are there in all?", "Add the numbers.", "How many together?", "Find the sum.",
      "Count all of them.", "Сколько всего?")
def add(rng, part):
    a, b, n, m, what = two_counts(rng)
    return f"{a} has {n} {what}, {b} has {m}", str(n + m)


@task("arithmetic", "How many are left?", "Subtract the numbers.", "How many remain?", "Find what is left.",
      "Count what remains.", "Сколько осталось?")
def subtract(rng, part):
    a, b, n, m, what = two_counts(rng)
    return f"{a} had {max(n, m)} {what}, gave {min(n, m)} to {b}", str(abs(n - m))


@task("arithmetic", "Which number is larger?", "Name the larger number.", "What is the larger number?", "Find the larger number.",
      "Give the bigger count.", "Какое число больше?")
def larger(rng, part):
    a, b, n, m, what = two_counts(rng)
    return f"{a} has {n} {what}, {b} has {m}", str(max(n, m))


@task("relations", "Give the opposite.", "Say the opposite.", "What is the opposite?", "Turn it into the opposite.",
      "Write the contrary.", "Назови противоположное.")
def opposite(rng, part):
    adjective, noun = rng.pick(list(QUALITIES)), rng.pick(NOUNS + JOBS)
    if rng.below(3) == 0:
        gender = "mf".index(noun[2])
        return f"{noun[1]} {QUALITIES[adjective][gender]}", QUALITIES[OPPOSITE[adjective]][gender]
    return f"the {noun[0]} is {adjective}", OPPOSITE[adjective]


@task("relations", "Name the group.", "What are these?", "Which group is this?", "Name the kind of these words.",
      "What do the words have in common?", "Что это?")
def group(rng, part):
    name = rng.pick(list(CATEGORIES))
    return ", ".join(rng.sample(CATEGORIES[name], 3)), name


@task("relations", "Find the odd one out.", "Which word does not fit?", "Name the word that does not fit.",
      "Which one is different?",
      "What is wrong in this list?", "Найди лишнее слово.")
def odd_one_out(rng, part):
    name, other = rng.sample(list(CATEGORIES), 2)
    odd = rng.pick(CATEGORIES[other])
    return ", ".join(rng.shuffled(rng.sample(CATEGORIES[name], 3) + [odd])), odd


@task("classification", "How does the person feel?", "Name the feeling.", "Which mood is this?",
      "Is it happy, sad, angry or tired?",
      "What is the mood?", "Какое настроение?")
def mood(rng, part):
    name = rng.pick(list(MOODS))
    return f"{rng.pick(NAMES)} {rng.pick(MOODS[name])} {rng.pick(WHERE)[0]}", name


@task("classification", "Is the review good, bad or mixed?", "Judge the review.", "Is it praise, blame or mixed?",
      "Rate the review.",
      "What does the review say?", "Оцени отзыв.")
def review(rng, part):
    verdict = rng.pick(["praise", "blame", "mixed"])
    words = {"praise": [PRAISE, PRAISE], "blame": [BLAME, BLAME], "mixed": rng.shuffled([PRAISE, BLAME])}[verdict]
    first, second = rng.sample(FOODS + THINGS, 2)
    return f"the {first[0]} was {rng.pick(words[0])}, the {second[0]} was {rng.pick(words[1])}", verdict


@task("classification", "Какое время года?", "Назови время года.", "Which season is it?", "Когда это бывает?",
      "Определи время года.", "Name the season in Russian.")
def season(rng, part):
    name = rng.pick(list(SEASONS))
    return f"{rng.pick(SEASONS[name])}, {rng.pick(ANIMALS)[1]} {rng.pick(DOES)[1]} {rng.pick(WHERE)[1]}", name


def taking(rng):
    """A sentence about somebody and a thing; who, what."""
    name, colour, thing = rng.pick(NAMES), rng.pick(list(COLOURS)), rng.pick(THINGS)[0]
    where = rng.pick(WHERE)[0]
    action = f"{name} {rng.pick(TAKES)[0]} a {colour} {thing}"
    return rng.pick([f"{action} {where}", f"{where} {action}"]), name, f"{colour} {thing}"


@task("extraction", "Who is it?", "Name the person.", "Who does this?", "Find the person.",
      "Whom is it about?", "Кто это делает?")
def who(rng, part):
    sentence, name, _ = taking(rng)
    return sentence, name


@task("extraction", "What thing is it?", "Name the thing.", "Which thing is it about?", "Find the thing.",
      "Copy the thing.", "Какой это предмет?")
def what(rng, part):
    sentence, _, thing = taking(rng)
    return sentence, thing


@task("extraction", "Где это происходит?", "Назови место.", "Where is it?", "Скажи, где это.",
      "Найди место.", "Copy the place.")
def where_russian(rng, part):
    who, does, where = rng.pick(ANIMALS + JOBS), rng.pick(DOES), rng.pick(WHERE)
    return f"{rng.pick(list(ADJECTIVES.values()))['mf'.index(who[2])]} {who[1]} {does[1]} {where[1]}", where[1]


@task("rewriting", "Write the plural.", "Make it plural.", "Say it of many.", "Change one into many.",
      "Write it as more than one.", "Поставь во множественное число.")
def plural(rng, part):
    adjective, noun = rng.pick(list(ADJECTIVES)), rng.pick(NOUNS + JOBS)
    return f"one {adjective} {noun[0]}", f"many {adjective} {noun[3]}"


@task("rewriting", "Write it in the past.", "Put it in the past.", "Say that it was yesterday.", "Change it to the past.",
      "Use the past tense.", "Поставь в прошедшее время.")
def past(rng, part):
    name, verb, what = rng.pick(NAMES), rng.pick(TAKES), rng.pick(THINGS)[0]
    return f"{name} {verb[0]} the {what}", f"{name} {verb[1]} the {what}"


@task("rewriting", "Write he or she.", "Put he or she for the name.", "Leave out the name.", "Change the name to he or she.",
      "Use he or she.", "Замени имя на he или she.")
def pronoun(rng, part):
    name, verb, what = rng.pick(NAMES), rng.pick(TAKES), rng.pick(THINGS)[0]
    return f"{name} {verb[0]} the {what}", f"{'she' if name in WOMEN else 'he'} {verb[0]} the {what}"


# World facts. Six of the people are asked about in the test part only; the pretraining text asks in ways of its own.
def asked(rng, part, own, others):
    names = NAMES[:6] if part == "test" else NAMES[6:] if part == "train" else NAMES
    name = rng.pick(names)
    return name, rng.pick(own if part == "text" else others).format(name)


@task("facts", "Answer the question.", "Tell me the town.", "Say where.", "Answer with one word.",
      "What do you know about this?", "Ответь на вопрос.")
def town_of(rng, part):
    name, question = asked(rng, part, ["Where is {} at home?", "Which town is the town of {}?"],
                           ["Where does {} live?", "In which town does {} live?", "Where is the home of {}?",
                            "In which town is {} at home?", "What is the town of {}?", "From where is {}?"])
    return question, PEOPLE[name]["town"]


@task("facts", "Answer the question.", "Tell me the job.", "Say what the work is.", "Answer with one word.",
      "What do you know about this?", "Ответь на вопрос.")
def job_of(rng, part):
    name, question = asked(rng, part, ["What is the work of {}?", "Which job is the job of {}?"],
                           ["What job does {} have?", "What does {} work as?", "What work does {} do?", "Which job has {}?",
                            "What is the job of {}?", "By what work does {} live?"])
    return question, PEOPLE[name]["job"]


@task("facts", "Answer the question.", "Tell me the animal.", "Say which animal.", "Answer with one word.",
      "What do you know about this?", "Ответь на вопрос.")
def pet_of(rng, part):
    name, question = asked(rng, part, ["What animal is at the home of {}?", "Which animal is the pet of {}?"],
                           ["What pet does {} have?", "Which pet has {}?", "What animal does {} keep?", "Which animal has {}?",
                            "What is the pet of {}?", "What animal lives with {}?"])
    return question, PEOPLE[name]["pet"]
