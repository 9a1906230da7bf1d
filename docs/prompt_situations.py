"""The situations that docs/prompts.md shows and counts: orders as customers write them.

Each goes through the same functions as a job's image.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """One image of a path: `types` are those of its references, in the order the customer picked them.

    `angle` and `shot` are empty where the customer ordered none.
    """

    path: str
    title: str
    types: tuple[str, ...] = ()
    wishes: str = "best quality, masterpiece"
    angle: str = ""
    shot: str = ""
    fx: str | None = None
    pre_edited: bool | None = None
    negative: str = ""
    take: int = 1
    takes: int = 1
    max_pictures: int = 14
    follows: bool = False

    @property
    def ordered(self) -> str:
        """What was ordered besides references and wishes, in words."""
        parts = [f"angle {self.angle}"] if self.angle else []
        parts += [f"shot {self.shot}"] if self.shot else []
        parts += [f"fx {self.fx}"] if self.fx else []
        parts += [] if self.pre_edited is None else [f"isPreEdited {str(self.pre_edited).lower()}"]
        parts += [f"negative prompt {self.negative!r}"] if self.negative else []
        parts += [f"take {self.take} of {self.takes}"] if self.takes > 1 else []
        parts += [f"at most {self.max_pictures} pictures"] if self.max_pictures < 14 else []
        parts += ["consistent true, after the first image of the series"] if self.follows else []
        return ", ".join(parts) or "nothing else"


SITUATIONS = (
    Situation(
        "fashion",
        "A model in a place",
        ("model", "bg", "top", "pants", "bag"),
        "여름 저녁 성수동 골목을 걸어가며 뒤돌아 웃는 모습, 필름 느낌",
    ),
    Situation(
        "fashion",
        "A model walks, no angle ordered",
        ("model", "outer", "shoes"),
        "She walks across a zebra crossing in Seoul, laughing, wind in her hair",
    ),
    Situation(
        "fashion",
        "The same from the side, head to toe",
        ("model", "outer", "shoes"),
        "She walks across a zebra crossing in Seoul, laughing, wind in her hair",
        angle="side",
        shot="full",
    ),
    Situation(
        "fashion",
        "A wide shot from below",
        ("model", "bg", "outer"),
        "Standing on the edge of the roof at dusk, the coat blowing open",
        angle="low angle",
        shot="wide",
    ),
    Situation(
        "fashion",
        "From behind, tight",
        ("model", "top"),
        "running away along the beach, hair tied up",
        angle="back",
        shot="tight",
    ),
    Situation(
        "fashion",
        "Formal portrait, second of four takes",
        ("model", "top"),
        "a calm portrait for the company's website, soft grey tones",
        angle="profile",
        take=2,
        takes=4,
    ),
    Situation(
        "fashion",
        "A flat lay without a model",
        ("top", "pants", "shoes", "bag"),
        "flat lay on linen with dried flowers, morning light",
    ),
    Situation(
        "fashion", "Shoes alone, close-up", ("shoes",), "on wet asphalt, neon reflections", shot="close up"
    ),
    Situation(
        "fashion",
        "The front end's prefix before the wishes",
        ("top", "shoes"),
        "front, full body. Clean catalogue picture on pale grey, soft shadow below",
        angle="front",
        shot="full body",
    ),
    Situation(
        "fashion",
        "The second of a series",
        ("model", "top", "bag"),
        "the autumn lookbook, an empty gallery with a concrete floor, she looks past the camera",
        angle="three-quarter",
        shot="full",
        take=2,
        takes=6,
        follows=True,
    ),
    Situation(
        "fashion",
        "More references than the model takes",
        ("model", "bg", "top", "pants", "bag"),
        "waiting for the last tram, tired and elegant, blue hour",
        max_pictures=3,
    ),
    Situation(
        "fashion", "Text alone", wishes="A raincoat on a wet street at night, seen from across the road"
    ),
    Situation("fashion", "No wishes", ("model", "top", "pants")),
    Situation(
        "beauty",
        "Model and two products, full",
        ("model", "lipstick", "cream"),
        "golden hour on a balcony in Lisbon, she laughs at somebody",
        shot="full",
    ),
    Situation(
        "beauty",
        "Model alone, no shot ordered",
        ("model",),
        "glass skin, wet hair combed back, cool morning light",
    ),
    Situation(
        "beauty",
        "Model alone, ordered head to toe",
        ("model",),
        "in a white bathrobe, barefoot on marble, steam in the air",
        shot="full body",
    ),
    Situation(
        "beauty",
        "Products alone",
        ("cream", "bottle", "compact", "brush"),
        "on rippled sand, long shadows, pastel peach palette",
        negative="blurry",
    ),
    Situation(
        "beauty",
        "Product seen from above",
        ("product",),
        "floating petals in milk around the jar, pale pink",
        angle="overhead",
    ),
    Situation("beauty", "Text alone", wishes="A glass bottle of serum in morning light on a wet stone"),
    Situation(
        "eats",
        "Steam and scallions asked for",
        ("dish",),
        "add steam and chopped scallions, dark wooden table, evening",
        angle="45-degree",
        pre_edited=True,
    ),
    Situation(
        "eats",
        "A feast for four from straight above",
        ("dish", "dish", "dish", "side", "garnish"),
        "a feast for four, hands reaching in from all sides",
        angle="top down",
        shot="full plate",
    ),
    Situation(
        "eats",
        "Faithful to the photograph, in a place",
        ("dish", "bg"),
        "the same bowl, now on a table by the window of this café",
        shot="hero-shot",
        pre_edited=False,
    ),
    Situation(
        "eats",
        "Macro",
        ("dish",),
        "the crust just after it cracked, honey running down",
        angle="macro",
        shot="detail",
    ),
    Situation("eats", "Text alone", wishes="Cold noodles in a brass bowl with ice and a slice of pear"),
    Situation(
        "cinema",
        "Two actors in a place",
        ("actor", "actor", "bg", "outer", "prop"),
        "A quarrel in the rain, she turns to leave, he holds the umbrella",
        angle="side",
        shot="middle",
    ),
    Situation(
        "cinema",
        "A crowded subway",
        ("actor",),
        "He stands in a crowded subway and reads a letter, neon green light",
    ),
    Situation(
        "cinema",
        "An establishing shot",
        ("actor", "bg"),
        "a man alone before the storm, the harbour empty, 1970s",
        shot="establishing",
    ),
    Situation("cinema", "Text alone", wishes="An empty ferry at dawn, gulls over the wake, cold blue haze"),
    Situation(
        "cartoon",
        "A photographed person in watercolour",
        ("model", "prop"),
        "loose watercolour, she flies a kite on a green hill",
        angle="3/4",
        shot="full",
        fx="none",
    ),
    Situation(
        "cartoon",
        "Two characters in a place, an aura",
        ("character", "face", "bg"),
        "final battle, both exhausted, back to back, purple sky",
        angle="low-angle",
        shot="bust",
        fx="aura",
    ),
    Situation(
        "cartoon", "A named style", ("character",), "pixar style 3D render, the hero waves from a red tractor"
    ),
    Situation("cartoon", "Text alone", wishes="A fox that repairs clocks in a crooked little shop, cosy"),
    Situation(
        "fashion",
        "Everything at once, third of six takes",
        ("model", "bg", "top", "pants", "bag", "shoes"),
        "crossing the square with a coffee, first cold day of autumn",
        angle="front",
        shot="full",
        negative="logos, crowds",
        take=3,
        takes=6,
    ),
)
