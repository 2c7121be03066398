"""The handbook of a company that does not exist, with questions that it answers and that it does
not: written for this check, and nothing is fitted on it.

The unanswered ones keep to the handbook's subjects: what a reader would hope to find there.
"""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    name: str
    title: str
    text: str


class Asked(NamedTuple):
    question: str
    page: str
    answer: str  # words that stand in a right quotation


PAGES = (
    Page(
        "umbrellas/warranty",
        "Warranty",
        "Every Quillfeather umbrella carries a warranty of seven years against broken ribs and "
        "torn canopies. The warranty does not cover umbrellas lost on trains or turned inside "
        "out on purpose. A customer who claims needs the receipt or the number stamped on the "
        "handle. Claims are answered by the repair desk within ten working days.",
    ),
    Page(
        "umbrellas/care",
        "Caring for an umbrella",
        "Dry the canopy open and in the shade. Never iron it. A drop of lamp oil on the runner "
        "once a year keeps it sliding. Stains come off with lukewarm water and curd soap; "
        "bleach destroys the coating. Store it hanging by the handle.",
    ),
    Page(
        "umbrellas/models",
        "Our models",
        "Model | Length | Ribs | Weight\n"
        "Heron | 88 cm | 8 | 540 g\n"
        "Wren | 56 cm | 6 | 310 g\n"
        "Albatross | 104 cm | 16 | 790 g\n"
        "Sandpiper | 62 cm | 10 | 295 g\n",
    ),
    Page(
        "people/leave",
        "Leave",
        "Everyone has 27 days of paid leave a year. Unused days may be carried over until the "
        "end of March; after that they are lost. Leave longer than two weeks is agreed with the "
        "team lead at least two months ahead. In the rainy season, from October to November, "
        "the workshop grants no leave longer than five days.",
    ),
    Page(
        "people/sickness",
        "When you are ill",
        "Tell your team lead before nine in the morning. From the fourth day on we need a note "
        "from a doctor. Pay continues in full for six weeks. Whoever catches a cold in the "
        "testing shower is given a hot-water bottle from the first-aid cupboard.",
    ),
    Page(
        "people/parents",
        "Parents",
        "A parent may take up to fourteen months off after a child is born, in one piece or in "
        "two. The company tops up the state's allowance to eighty percent of the last wage. "
        "Returning parents keep their place and may work half days for a year.",
    ),
    Page(
        "people/training",
        "Training and courses",
        "Each employee has a budget of 900 crowns a year for courses. Courses about sewing, "
        "metalwork and languages are approved by the team lead; everything else is approved by "
        "the people office. Evening courses count as working time up to twenty hours a year.",
    ),
    Page(
        "people/hours",
        "Working hours",
        "The week has 38 hours. The workshop works from 7:30 to 15:45, with half an hour for "
        "lunch. The office has flexible hours around a core from ten to three. Overtime is "
        "given back as free time within the same quarter and is not paid out.",
    ),
    Page(
        "people/remote",
        "Working from home",
        "Office staff may work from home two days a week. Workshop staff cannot. Customer "
        "addresses must not be printed at home. The company lends a laptop and a screen but "
        "does not pay for furniture.",
    ),
    Page(
        "people/pension",
        "Pension",
        "The company pays four percent of the wage into the Drizzle Fund after six months of "
        "employment. Employees may add up to six percent of their own. Changes are possible "
        "every January.",
    ),
    Page(
        "money/travel",
        "Travel expenses",
        "Trains are booked second class; first class is allowed for journeys longer than four "
        "hours. A night in a hotel may cost at most 140 crowns. Meals are paid with a flat sum of "
        "32 crowns a day. Receipts are handed in within thirty days by the form T-5.",
    ),
    Page(
        "money/car",
        "Using your own car",
        "Own cars are used only where no train goes. The company pays 0.41 crowns a kilometre. "
        "Parking is repaid, fines are not. Damage to the car is covered up to 5,000 crowns if "
        "the trip was approved before.",
    ),
    Page(
        "money/buying",
        "Buying things",
        "Purchases up to 250 crowns need no approval. Up to 5,000 crowns the team lead signs; "
        "above that, the treasurer and one director sign together. Three offers are needed from "
        "2,000 crowns on. Fabric is bought by the fabric buyer only.",
    ),
    Page(
        "money/invoices",
        "Paying invoices",
        "Invoices are paid on Thursdays. An invoice needs an order number, otherwise it goes back "
        "to the supplier. We pay within 21 days and take a discount of two percent where it is "
        "offered for payment within eight days.",
    ),
    Page(
        "money/gifts",
        "Gifts",
        "Gifts from suppliers worth more than 35 crowns are declined or given to the raffle. "
        "Invitations to meals are fine where business is discussed. Cash is never accepted. Tell "
        "the treasurer about every gift.",
    ),
    Page(
        "safety/fire",
        "Fire",
        "When the bell rings leave by the nearest stairs and meet at the old pump in the yard. "
        "Do not use the lift. The fire wardens wear yellow hats. Drills are held in April and in "
        "September. Varnish and lamp oil are kept in the iron cupboard of building C.",
    ),
    Page(
        "safety/machines",
        "The rib press",
        "Only trained staff work at the rib press. Wear gloves and safety glasses. The press is "
        "locked with the red key before anybody reaches inside. It is greased every Monday and "
        "inspected by the maker once a year. Report a strange noise at once to the workshop lead.",
    ),
    Page(
        "safety/accidents",
        "Accidents",
        "First-aid kits hang at each entrance. The number for an ambulance is on the door. Every "
        "accident, also a small one, is written into the blue book on the same day. The safety "
        "officer reads the book every week.",
    ),
    Page(
        "it/passwords",
        "Passwords",
        "A password has at least 14 characters. It is changed only when it may have become "
        "known. Passwords are kept in the Thimble password manager and never on paper. After "
        "eight wrong attempts the account is locked for fifteen minutes.",
    ),
    Page(
        "it/laptops",
        "Laptops",
        "A laptop is replaced after five years. Disks are encrypted. A lost laptop is reported to "
        "the help desk within two hours, at night too. Private programs may not be installed.",
    ),
    Page(
        "it/backup",
        "Backups",
        "Files on the drive P: are backed up every night at two and kept for 90 days. What is "
        "stored on the laptop itself is not backed up. To restore a file, ask the help desk with "
        "its name and date.",
    ),
    Page(
        "it/printers",
        "Printers",
        "The large printer stands in the corridor of the second floor. Paper is in the cabinet "
        "beside it. Toner is ordered by the reception. Colour prints are for customers' patterns "
        "only.",
    ),
    Page(
        "customers/complaints",
        "Complaints",
        "A complaint is answered within two working days, even if only to say that we are looking "
        "into it. The clerk may refund up to 60 crowns without asking. Complaints about wet "
        "feet are passed to the design team.",
    ),
    Page(
        "customers/returns",
        "Returns",
        "Umbrellas that were not used may be returned within 40 days. The customer pays for "
        "sending it back, unless we sent the wrong one. The money is returned in the way it was "
        "paid. Made-to-order umbrellas cannot be returned.",
    ),
    Page(
        "customers/shipping",
        "Shipping",
        "Orders placed before noon leave on the same day. Shipping is free above 75 crowns and "
        "costs 6 crowns otherwise. We ship to every country with rain. Parcels to islands take "
        "nine days.",
    ),
    Page(
        "customers/privacy",
        "Customers' data",
        "We keep addresses for three years after the last order and then delete them. Data is not "
        "sold. A customer who wants to see his data writes to the privacy officer and is "
        "answered within a month.",
    ),
    Page(
        "house/canteen",
        "Canteen",
        "Lunch is served from 11:30 to 13:15. A meal costs 4.50 crowns. There is always a dish "
        "without meat. Soup is free on rainy days.",
    ),
    Page(
        "house/visitors",
        "Visitors",
        "Visitors sign in at the reception and wear a green badge. They are accompanied at all "
        "times. Photographs in the pattern room are forbidden. Visitors leave before 18:00.",
    ),
    Page(
        "house/parking",
        "Parking and bicycles",
        "There are 24 parking places, given out by lot every January. Bicycles go into the shed "
        "behind building A, which opens with the badge. Two charging points for electric cars "
        "are by the gate.",
    ),
    Page(
        "house/history",
        "Our history",
        "Quillfeather Umbrella Works was founded in 1887 by the sail maker Odo Quillfeather after "
        "a very wet wedding. The first workshop stood in a boathouse. The company moved to "
        "Puddle Lane in 1923. Today it has 212 employees.",
    ),
)

ANSWERED = (
    Asked("How long is the warranty on an umbrella?", "umbrellas/warranty", "seven years"),
    Asked("What do I need to make a warranty claim?", "umbrellas/warranty", "receipt"),
    Asked("Can I use bleach on the canopy?", "umbrellas/care", "bleach"),
    Asked("How do I remove stains from an umbrella?", "umbrellas/care", "curd soap"),
    Asked("How many ribs does the Albatross have?", "umbrellas/models", "Albatross | 104 cm | 16"),
    Asked("How much does the Sandpiper weigh?", "umbrellas/models", "295 g"),
    Asked("How many days of leave do I get per year?", "people/leave", "27 days"),
    Asked("What happens to leave that I did not use?", "people/leave", "March"),
    Asked("When do I need a doctor's note?", "people/sickness", "fourth day"),
    Asked("How long is my pay continued when I am sick?", "people/sickness", "six weeks"),
    Asked("How much time off can a new parent take?", "people/parents", "fourteen months"),
    Asked("What is my yearly budget for courses?", "people/training", "900 crowns"),
    Asked("Who approves a language course?", "people/training", "team lead"),
    Asked("When does the workshop start in the morning?", "people/hours", "7:30"),
    Asked("Is overtime paid out?", "people/hours", "not paid out"),
    Asked("How many days a week may I work from home?", "people/remote", "two days"),
    Asked("What does the company pay into the pension fund?", "people/pension", "four percent"),
    Asked("May I travel first class by train?", "money/travel", "first class"),
    Asked("What is the limit for a hotel night?", "money/travel", "140 crowns"),
    Asked("How much do I get per kilometre with my own car?", "money/car", "0.41"),
    Asked("Are parking fines reimbursed?", "money/car", "fines are not"),
    Asked("Who has to sign a purchase of 8,000 crowns?", "money/buying", "treasurer"),
    Asked("From what amount on do we need three offers?", "money/buying", "2,000"),
    Asked("On which day are invoices paid?", "money/invoices", "Thursdays"),
    Asked("Can I accept a gift from a supplier?", "money/gifts", "35 crowns"),
    Asked("Where do we meet when the fire bell rings?", "safety/fire", "old pump"),
    Asked("How often is the rib press greased?", "safety/machines", "every Monday"),
    Asked("Where are accidents recorded?", "safety/accidents", "blue book"),
    Asked("How long must a password be?", "it/passwords", "14 characters"),
    Asked("My laptop was stolen, what must I do?", "it/laptops", "two hours"),
    Asked("How long are backups kept?", "it/backup", "90 days"),
    Asked("Who orders toner?", "it/printers", "reception"),
    Asked("How quickly do we answer complaints?", "customers/complaints", "two working days"),
    Asked("Until when can a customer return an umbrella?", "customers/returns", "40 days"),
    Asked("From which order value is shipping free?", "customers/shipping", "75 crowns"),
    Asked("How long do we keep customer addresses?", "customers/privacy", "three years"),
    Asked("What does lunch cost in the canteen?", "house/canteen", "4.50"),
    Asked("What colour is a visitor's badge?", "house/visitors", "green badge"),
    Asked("How many parking places are there?", "house/parking", "24 parking places"),
    Asked("Who founded the company?", "house/history", "Odo Quillfeather"),
)

UNANSWERED = (
    "How much does a replacement handle cost?",
    "Is there a warranty on raincoats?",
    "Which colours is the Heron available in?",
    "What is the price of the Albatross?",
    "Where is the fabric for the canopies woven?",
    "How many days of leave do apprentices get for their exams?",
    "Can I sell my leave days?",
    "Do I get special leave for moving house?",
    "Which doctor should I go to for a check-up?",
    "Does the company run a kindergarten?",
    "What is the salary of a team lead?",
    "When is the bonus paid?",
    "How do I ask for a pay rise?",
    "What is the notice period if I resign?",
    "How long is the probation period?",
    "Is there a works council and who is in it?",
    "Who is the chief executive?",
    "What was the revenue last year?",
    "Which bank holds our accounts?",
    "Can I fly business class to a trade fair?",
    "Do we have company credit cards?",
    "What is our tax number?",
    "How do I claim the costs of a language course in Portugal?",
    "Which supplier delivers the aluminium ribs?",
    "What temperature must the varnish dry at?",
    "How loud is the rib press in decibels?",
    "Where is the defibrillator?",
    "When was the last fire drill and how long did it take?",
    "Which antivirus program do we use?",
    "How do I connect to the VPN?",
    "What is the wireless network's password for guests?",
    "Who is the help desk's manager?",
    "How do I scan a document to e-mail?",
    "How many complaints did we get in spring?",
    "Do we ship by drone?",
    "Which courier delivers our parcels?",
    "Can customers pay by cheque?",
    "What vegan dishes are on the menu on Friday?",
    "Is there a gym in the building?",
    "When is the summer party?",
)
