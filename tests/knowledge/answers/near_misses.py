"""Pages that differ in a number, a name or a year, with questions about what is there and about
what is not though its neighbour is: written for this check, and nothing is fitted on it.
"""

from __future__ import annotations

from tests.knowledge.answers.handbook import Asked, Page

NEIGHBOURS = (
    Page(
        "pay/bands",
        "Pay bands",
        "Band | Monthly pay | Holiday days\n"
        "P5 | 3,100 crowns | 26\n"
        "P6 | 3,600 crowns | 27\n"
        "P7 | 4,250 crowns | 28\n",
    ),
    Page(
        "pay/increase",
        "Pay increase",
        "In 2026 wages rise by 3.1 percent on the first of April. In 2025 they rose by 2.4 "
        "percent. The increase is paid without being asked for.",
    ),
    Page(
        "budgets/2026",
        "Budgets for 2026",
        "The marketing department has a budget of 48,000 crowns. The design department has a "
        "budget of 71,500 crowns. What is left at the end of the year goes back to the treasurer.",
    ),
    Page(
        "scanners/scanner-2",
        "Scanner 2",
        "Scanner 2 stands in the post room. It is calibrated every Tuesday with the grey card. "
        "When the lamp flickers, switch it off for ten minutes.",
    ),
    Page(
        "scanners/scanner-3",
        "Scanner 3",
        "Scanner 3 stands in the archive. It is calibrated on the first day of each month. "
        "Only the archivist opens its lid.",
    ),
    Page(
        "travel/hotels",
        "Hotels",
        "City | Most per night\nDrizzleton | 140 crowns\nMistwick | 175 crowns\n"
        "Port Puddle | 160 crowns\n",
    ),
    Page(
        "sites/drizzleton",
        "The site in Drizzleton",
        "The Drizzleton site opens at six in the morning. Deliveries come to gate 4. The site "
        "manager is Odo Fennimore.",
    ),
    Page(
        "sites/mistwick",
        "The site in Mistwick",
        "The Mistwick site opens at seven in the morning. Deliveries come to the back door. The "
        "site manager is Tilda Quickly.",
    ),
    Page(
        "rooms/booking",
        "Meeting rooms",
        "Room 11 seats 6 people and has a screen. Room 12 seats 14 people and has a projector. "
        "Room 14 seats 30 people. Rooms are booked at the reception.",
    ),
    Page(
        "machines/errors",
        "Error codes of the rib press",
        "Code | Meaning\nE01 | The guard is open\nE02 | The oil is low\nE07 | The belt is torn\n",
    ),
    Page(
        "it/releases",
        "The order program",
        "Version 4.2 of the order program came on 3 March and prints labels. Version 4.1 mended "
        "the tax table. Updates are installed over night.",
    ),
    Page(
        "forms/forms",
        "Forms",
        "Travel is claimed on form T-5. Sick children are reported on form K-2. Forms are in the "
        "drawer beside the reception.",
    ),
    Page(
        "quality/steps",
        "Inspection",
        "Step 1: open the umbrella and look at the ribs. Step 2: pull at each seam. Step 3: hold "
        "it under the testing shower for two minutes. An umbrella that passes gets a blue thread.",
    ),
    Page(
        "medical/dosage",
        "First-aid cupboard",
        "Adults take 400 mg of ibuprofen at most three times a day. Children are never given "
        "anything from the cupboard. The kit in building B also holds burn gel.",
    ),
    Page(
        "suppliers/terms",
        "Suppliers",
        "Ribwell is paid within 30 days. Clothier & Daughters are paid within 14 days and give a "
        "discount of two percent. New suppliers are paid on delivery.",
    ),
    Page(
        "holidays/calendar",
        "Closing days",
        "The workshop is closed from 24 December 2026 to 3 January 2027. In July it is closed "
        "for one week. The office stays open in July.",
    ),
)

SAID = (
    Asked("What is the monthly pay in band P7?", "pay/bands", "P7 | 4,250 crowns"),
    Asked("How many holiday days does P5 get?", "pay/bands", "P5 | 3,100 crowns | 26"),
    Asked("How much did wages rise in 2025?", "pay/increase", "2.4 percent"),
    Asked("When do wages rise in 2026?", "pay/increase", "first of April"),
    Asked("What is the marketing department's budget?", "budgets/2026", "48,000 crowns"),
    Asked("How large is the budget of the design department in 2026?", "budgets/2026", "71,500"),
    Asked("How often is scanner 2 calibrated?", "scanners/scanner-2", "every Tuesday"),
    Asked("Where is scanner 3?", "scanners/scanner-3", "archive"),
    Asked("What may a hotel in Mistwick cost?", "travel/hotels", "Mistwick | 175 crowns"),
    Asked("When does the Drizzleton site open?", "sites/drizzleton", "six in the morning"),
    Asked("Who manages the Mistwick site?", "sites/mistwick", "Tilda Quickly"),
    Asked("How many people fit into room 12?", "rooms/booking", "14 people"),
    Asked("What does error E02 mean?", "machines/errors", "oil is low"),
    Asked("What did version 4.1 change?", "it/releases", "tax table"),
    Asked("On which form do I claim travel?", "forms/forms", "T-5"),
    Asked("What happens in step 3 of the inspection?", "quality/steps", "testing shower"),
    Asked("How much ibuprofen may an adult take?", "medical/dosage", "400 mg"),
    Asked("How soon is Ribwell paid?", "suppliers/terms", "30 days"),
    # What is particular in these need not stand in the documents.
    Asked("May 20 people meet in room 14?", "rooms/booking", "30 people"),
    Asked("Can I book a hotel for 150 crowns in Port Puddle?", "travel/hotels", "160 crowns"),
    Asked(
        "I work at Quillfeather. Who opens the lid of scanner 3?", "scanners/scanner-3", "archivist"
    ),
    Asked("My child is ill, which form is for that?", "forms/forms", "K-2"),
    Asked("Is the office open on 15 July?", "holidays/calendar", "office stays open in July"),
    Asked("Is a discount of 2% given by Clothier & Daughters?", "suppliers/terms", "two percent"),
    Asked("Is the workshop closed on 27 December 2026?", "holidays/calendar", "24 December 2026"),
)

NOT_SAID = (
    "What is the monthly pay in band P9?",
    "How many holiday days does P8 get?",
    "How much did wages rise in 2023?",
    "By how many percent do wages rise in 2027?",
    "What is the finance department's budget?",
    "How large is the budget of the sales department in 2026?",
    "What was the budget of the marketing department in 2023?",
    "How often is scanner 5 calibrated?",
    "Where is scanner 7?",
    "What may a hotel in Thunderham cost?",
    "When does the Thunderham site open?",
    "Who is the site manager in Cloudbury?",
    "How many people fit into room 21?",
    "What does error E05 mean?",
    "What does the error code E12 of the rib press mean?",
    "What did version 3.9 of the order program change?",
    "What is form B-7 for?",
    "What happens in step 6 of the inspection?",
    "How soon is Buttonsmith paid?",
    "What does the kit in building D hold?",
)
