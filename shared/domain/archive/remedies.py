"""Remedies for each kind of fault that a verification or a replay finds."""

from collections.abc import Mapping

REMEDIES: Mapping[str, str] = {
    "altered": "Put the true object back: from a copy, or the version that Object Lock kept below "
    "the newer one. Who could write there is in the bucket's access log.",
    "missing": "Put it back from a copy, or remove the delete marker that hides it. Where nothing "
    "is left, `fanfare archive export` does not write it again: keep this report.",
    "unknown": "Look whose it is, and move it out of the archive.",
    "unlisted": "Move it out of the archive: nothing that was archived is in it. An export that "
    "died while a new version was deployed leaves such an object, too.",
    "forgedManifest": "Put the true manifest back, from a copy or an older version of the object, "
    "and compare its hash with one that was kept elsewhere. If that is the manifest there is, "
    "Firestore was changed: restore platform/archive from a backup.",
    "twice": "Find out which is true: the name of an object carries the hash of its lines.",
    "gap": "Put the objects of the missing numbers back, from a copy or an older version.",
    "noRecord": "Put the notification's object of kind=notifications back.",
    "brokenHistory": "Believe the transitions before that number only; put the object back.",
    "status": "Believe the archive, if nothing in it was altered: it was sealed before Firestore "
    "was changed. Who changed Firestore is in its audit log.",
    "counters": "Believe the single outcomes, if no object was altered; sums are made of them.",
    "history": "Believe the archive, if nothing in it was altered; Firestore's audit log says who "
    "changed the history there.",
    "record": "Believe the archive, if nothing in it was altered; Firestore's audit log says who "
    "changed the notification there.",
    "noMark": "Find out who removed exports/{id} from Firestore, or who wrote the object. With "
    "the true objects in the archive, restore the document from a backup.",
    "gone": "`fanfare archive replay` tells what it was; Firestore's audit log says who removed "
    "it. Restore it from a backup.",
    "unreadable": "Somebody wrote the document by hand: restore it from a backup.",
    "ledger": "Believe the archive, if nothing in it was altered: batches do not change once they "
    "are closed. Firestore's audit log says who changed one.",
}
