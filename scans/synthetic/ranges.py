"""How far the anatomy of synthetic jaws varies: every range in one place, with its source.

A pair is the low and high end of a uniform distribution, a chance is a probability per patient where nothing else is
said, a spread is a standard deviation. Lengths are in mm, angles in degrees. "Ours" is what scans at hand suggested,
widened on purpose: a network learns the wide end too, and the mean is the smaller part of what it needs (domain
randomisation, Tobin et al. 2017).
"""

# Teeth in the arch.
MIXED = 0.07  # chance of a mixed dentition: deciduous canines and molars beside permanent incisors and molars; ours
DECIDUOUS_TOOTH = 0.75  # chance per place from 3 to 5 that it is still deciduous then; ours
PREPARED = 0.07  # chance of teeth ground to stumps for crowns, as dental laboratories scan them; ours
PEG_LATERAL = 0.02  # chance of peg-shaped lateral incisors (Hua et al. 2013: 1.8 %)
UNERUPTED = 0.12  # chance that one or two teeth are only partly erupted; ours
SUNK = (0.15, 0.7)  # part of the crown that lies under the gum then; ours
TIPPED = 0.12  # chance that one to three teeth are tipped or turned far out; ours
TIPPED_BY = (8.0, 28.0)  # degrees; ours
TURNED_BY = (15.0, 60.0)  # degrees; ours
IMPACTED_CANINE = 0.03  # chance (ours; Ericson and Kurol 1987 have about 2 %), its bulge under the gum with it
DIASTEMA = 0.12  # chance of a gap between the central incisors (ours; Gass et al. 2003 on how common it is)
DIASTEMA_WIDE = (0.5, 3.5)  # ours
SOCKET = 0.25  # chance per lost tooth whose ridge has not healed that the extraction is fresh; ours
FEW_TEETH = 0.05  # chance of an arch of few teeth, as on casts for partial dentures; ours
FEW = (4, 8)  # teeth in such an arch; ours

# What is on teeth.
BRACKETS = 0.05  # chance of fixed braces; ours
BRACKET = ((2.8, 4.2), (2.6, 3.8), (1.3, 2.4))  # width, height, thickness: ours
ATTACHMENTS = 0.08  # chance of composite attachments of aligners; ours
ATTACHMENT_TOOTH = 0.4  # chance per tooth then; ours
ATTACHMENT = ((1.5, 4.5), (1.0, 3.0), (0.5, 1.3))  # width, height, thickness: ours
RESTORED = 0.25  # chance of restored molars and premolars; ours
RESTORED_TOOTH = 0.45  # chance per tooth then; ours
FILLING = (0.2, 1.0)  # how much of the relief of the chewing surface a filling levels, 0 ... 1; ours
WEAR = 0.2  # mean of the exponential distribution of enamel lost at cusps and edges; ours
WEAR_MOST = 1.4  # ours
FACET = (0.0, 1.2)  # how far wear facets tilt: what one side loses more and the other less, in parts of the wear; ours

# Form of crowns, as factors on the drawn anatomy or mm added to it; all ours.
BELLY = 0.03  # spread of the faces' bulge, in buccolingual widths
NECK = 0.045  # spread of the neck's width, as a fraction
SQUARE = 0.35  # spread of the exponents of the outline's superellipse
EDGE_THICK = (0.9, 1.6)  # factor on the thickness of incisal edges
RELIEF = (0.3, 1.7)  # factor on each ridge, groove, fossa and cingulum
SHOVEL = (0.2, 2.2)  # factor on the marginal ridges of incisors
MAMELONS = (0.0, 0.45)  # height of the three lobes of unworn incisal edges
PERIKYMATA = (0.0, 0.035)  # height of the fine waves across the labial face
CUSP = 0.25  # spread of the cusps' heights
GROOVE = (0.4, 1.9)  # factor on the depth of grooves
STEEP = (0.75, 1.3)  # factor on the slopes of a tooth's cusps
CARABELLI = 0.35  # chance per first molar (ours; Scott and Turner 1997 on how it differs by population)

# Gingiva.
MARGIN_LEVEL = 0.3  # spread of the gum margin of a tooth; ours
RECEDED = 0.15  # chance of recession, which bares roots; ours
RECESSION = (0.3, 3.0)  # on some teeth then: Miller's classes I-III
MARGIN_THICK = (0.08, 0.6)  # of the free gingiva at its margin: thin and thick biotype; ours
MARGIN_SWELL = (0.02, 0.22)  # per mm under the margin, down to 4 mm; ours
MARGIN_ROUND = (0.4, 1.5)  # rounding of the margin; ours
PAPILLA = (
    0.45,
    1.1,
)  # height of the papillae, in parts of the way to the contact (ours, after the classes of Nordland and Tarnow 1998)
PAPILLA_FULL = (0.8, 1.5)  # factor on their width: shrunk to swollen; ours
EMINENCE = (0.0, 1.3)  # height of root eminences over the hollows between them; ours
FRENUM = (0.0, 3.5)  # how far the labial frenulum stands out; ours
LUMPS = (0.0, 0.3)  # amplitude of irregular bumps on gum and palate, largest on casts; ours
TUBEROSITY = (-1.2, 2.0)  # height of the tuberosities over the last gum margin; ours
TUBEROSITY_WIDE = (0.65, 1.35)  # their width, in parts of the last tooth's; ours
BEHIND = (4.0, 11.0)  # ridge behind the last tooth; ours

# Palate.
VAULT = (14.0, 3.2, 7.0, 23.0)  # mean, spread, least and most depth; ours
VAULT_STEEP = (9.0, 1.6, 5.5, 13.5)  # mm over which it falls: mean, spread, least, most; ours
VAULT_FORM = (1.1, 2.1)  # exponent: V-shaped to box-shaped; ours
RUGAE = (2, 6)  # pairs (ours; Lysell 1955)
RUGA_HIGH = (0.15, 1.5)  # ours
RUGA_WIDE = (0.55, 1.35)  # ours
RUGA_FORKED = 0.35  # chance per ruga (Lysell 1955 has "branched" among his classes)
RUGA_BROKEN = 0.25  # chance per ruga; ours
INCISIVE_PAPILLA = (0.2, 1.9)  # height; ours
RAPHE = (-0.4, 0.6)  # height of the midline raphe, a groove where negative; ours
TORUS = 0.06  # chance of a torus palatinus (ours; Jainkittivong and Langlais 2000 on how it differs by population)
TORUS_HIGH = (0.8, 4.5)  # ours

# Arch.
ARCH_WIDTH = 0.07  # spread, as a fraction (TEETH3DS norms: intermolar width 57.9 +- 4.8)
ARCH_DEPTH = 0.08  # spread, as a fraction (depth 31.6 +- 2.9)
ARCH_SQUARE = 0.5  # spread of the form, -1 tapered ... 1 square; ours
SPEE = (1.0, 0.9, -0.8, 3.2)  # curve of Spee: mean, spread, least, most; ours

CROWNS_ONLY = 0.09  # chance of a scan cut to closed crowns without gingiva, as planning software has them; ours
