"""English words, sentence patterns and needle forms of the needle grammar; data only.

A pattern's `{slot}` names an entry of WORDS, `{Slot}` the same with a capital. Entries are split at `|` where there is
one, else at blanks.
`{number}` stands for a whole number below 1,000, so that digits alone never give a needle away.
"""

from __future__ import annotations

__all__ = ["FORMS", "JOINER", "NAMES", "PATTERNS", "PROMPT", "WORDS"]


WORDS = {
    "person": """baker miller teacher doctor farmer painter gardener sailor carpenter tailor singer writer librarian
        postman fisherman shepherd blacksmith weaver mason clerk nurse engineer pilot driver cook potter
        printer watchmaker astronomer captain guard merchant student neighbour traveller visitor musician
        photographer surveyor beekeeper""",
    "group": """children villagers students workers sailors farmers dancers tourists neighbours merchants hikers
        builders miners pupils players travellers""",
    "trait": """quiet patient cheerful tired young old clever careful lazy brave curious polite gentle proud busy
        friendly honest serious thoughtful nervous""",
    "quality": """wooden small heavy broken new ancient bright narrow painted golden silver empty dusty round simple
        strange beautiful rusty soft large green blue red white black warm cold smooth rough tall""",
    "thing": """gate table chair lamp basket bottle blanket ladder window door bell clock map mirror carpet drum
        violin kettle bucket cart wheel fence boat sail net stove shelf cupboard box book painting statue
        coat hat boot umbrella candle bench bridge tower wall roof chimney oven rope saddle""",
    "place": """beside the river|behind the church|in the market|near the harbour|at the edge of the forest|
        in the garden|on the hill|under the old bridge|next to the school|in the valley|along the coast|
        in front of the library|at the station|inside the barn|by the lake|across the street|in the kitchen|
        above the workshop|on the northern road|close to the mill""",
    "time": """before the rain|in the early morning|after lunch|late in the evening|at noon|during the winter|
        in the spring|on a windy day|before sunrise|after the storm|every autumn|on the last day of summer|
        while the others slept|at the end of the week|during the festival|on the way home""",
    "did": """repaired painted carried moved cleaned sold bought found built drew measured described borrowed hid
        polished opened closed watched forgot photographed""",
    "went": "walked ran sailed rode drove returned travelled hurried wandered climbed",
    "toward": """to the village|toward the mountains|to the coast|back to the city|through the fields|
        past the windmill|along the canal|over the bridge|into the woods|around the island""",
    "animal": "dog cat horse goat fox owl crow swan heron donkey rabbit hedgehog squirrel sparrow otter",
    "act": """slept|waited|sat still|looked around|searched for food|drank water|listened carefully|played alone|
        stood in the shade|watched the clouds""",
    "weather": "wind rain snow fog sun frost thunder mist",
    "food": "bread soup cheese honey apples plums fish rice beans cakes tea milk",
    "craft": "pottery weaving music geometry gardening astronomy carpentry painting sailing chess",
    "reason": """because the road was closed|because nobody had asked|since the days were short|
        so that everyone could see it|although it was late|because the old one had been lost|
        even though the price was high|since the harvest had been good|so that the water could flow|
        although few people noticed""",
}

PATTERNS = (
    "The {trait} {person} {did} the {quality} {thing} {place}.",
    "The {person} {did} a {quality} {thing} {time}.",
    "A {quality} {thing} stood {place} {reason}.",
    "The {group} {went} {toward} {time}.",
    "The {person} and the {person} {went} {toward} {reason}.",
    "{Place}, a {trait} {person} {did} the {thing}.",
    "The {animal} {act} {place}.",
    "A {quality} {animal} {act} {time}.",
    "The {weather} came {time} and the {group} stayed {place}.",
    "The {person} served {food} and {food} to the {group} {time}.",
    "Most of the {group} learned {craft} {time}.",
    "The {trait} {person} taught {craft} to the {group} {reason}.",
    "{Time}, the {weather} covered the {quality} {thing} {place}.",
    "Nobody knew why the {person} {did} the {thing} {time}.",
    "There was a {quality} {thing} {place}, but the {person} never {did} it.",
    "The {thing} {place} was {quality}, and the one {place} was {quality} too.",
    "The {person} counted {number} {group} {place}.",
    "It took {number} days until the {quality} {thing} {place} was finished.",
)

NAMES = """Aaron Adela Agnes Ahmed Alba Alfred Alice Amara Amir Anders Anita Anton Arno Astrid Aurora Axel
    Barbara Basil Beatrice Benno Bianca Boris Bruno Camila Carla Caspar Cecilia Cedric Celia Chandra
    Clara Claude Conrad Cora Cyril Dagmar Dalia Damian Daphne Dario Delia Denis Diana Diego Dimitri Dora
    Dorian Edgar Edith Eduardo Elena Elias Elisa Emil Emma Enzo Erica Ernest Esther Ethan Eva Fabian
    Farid Fatima Felix Fiona Flora Frida Gabriel Gemma Georg Gilda Gloria Gordon Greta Gustav Hakim
    Hanna Harold Hassan Hector Heidi Helena Henrik Herman Hilda Hiroshi Hugo Ibrahim Igor Ines Ingrid
    Irene Isaac Isabel Ivan Jacob Jamal Janina Jasper Jelena Jonas Josef Judith Julia Kamal Karin Karl
    Katya Keiko Kenji Klara Kofi Lars Laura Leila Leon Leticia Lidia Linus Lorenzo Lucia Ludwig Lydia
    Magda Malik Manuel Marco Mariam Marta Martin Matilda Maxim Mehmet Mia Milan Mina Miriam Mona Monika
    Murat Nadia Naomi Natasha Nestor Nico Nina Noah Nora Olaf Olga Oliver Omar Oscar Otto Pablo Paola
    Patrick Paula Pedro Petra Philip Priya Quentin Rafael Ralf Ramona Raul Rebecca Renata Rita Robert
    Rosa Rufus Ruth Sabine Salim Samira Sandra Sara Sergei Silvia Simon Sofia Stefan Susan Svetlana
    Tamara Tarik Teresa Theo Thomas Tilda Tobias Tomoko Ursula Valentin Vera Victor Viola Walter Wanda
    Werner Xenia Yasmin Yuri Yusuf Zara Zelda Zora"""

# (statement, question, answer): the name never opens a sentence, so that it is the same token everywhere.
FORMS = (
    (
        "The secret code of {name} is {value}.",
        "What is the secret code of {name}?",
        "The secret code of {name} is {value}.",
    ),
    (
        "The locker that belongs to {name} has the number {value}.",
        "Which number has the locker that belongs to {name}?",
        "The locker that belongs to {name} has the number {value}.",
    ),
    (
        "Anyone can reach {name} at extension {value}.",
        "At which extension can anyone reach {name}?",
        "Anyone can reach {name} at extension {value}.",
    ),
    (
        "Remember that the ticket of {name} shows {value}.",
        "What does the ticket of {name} show?",
        "The ticket of {name} shows {value}.",
    ),
    (
        "The parcel sent to {name} carries the label {value}.",
        "Which label carries the parcel sent to {name}?",
        "The parcel sent to {name} carries the label {value}.",
    ),
)

JOINER = " "

PROMPT = "Read the text and answer the question in one sentence.\n\n{context}\n\nQuestion: {question}"
