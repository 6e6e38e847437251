#!/usr/bin/env python3
"""Writes golden.jsonl: texts of our own, scored by the programs that the text metrics are named after.

    pip install sacrebleu==2.6.0 nltk==3.10.4 rouge-score==0.1.2
    NLTK_DATA=DATA python3 make_golden.py DATA/corpora/wordnet > golden.jsonl

The folder holds index.*, data.* and *.exc of WordNet 3.0 (Debian: wordnet-base) and `lexnames`.
"""

import json
import random
import re
import string
import sys
from collections import Counter

import nltk
import sacrebleu
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.stem.porter import PorterStemmer
from nltk.tokenize import NLTKWordTokenizer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU

SIDES = ["left", "right", "Left", "bilateral", "both"]
PLACES = ["lower lobe", "upper lobe", "hilum", "hepatic dome", "liver", "kidney", "vertebral bodies", "aorta",
          "spleen", "costophrenic angles", "mediastinum", "stomach", "ribs"]
FINDINGS = ["nodule", "nodules", "effusion", "thickening", "calcification", "calcified lesions", "consolidation", "cyst",
            "lymph nodes", "opacities", "bulging", "displacement", "feet", "bodies"]
SHAPES = [
    "The {f} is in the {s} {p}.", "{s} {p}", "In the {s} {p}", "the {s} {p} shows {f}, measuring {n} mm",
    "It lies superiorly to the {p}; {f} abutting the {s} {q}.", "There's no {f} (in the {p})", "{f}: {s}, {p}-{q}",
    "{n}.{n} x {n} mm {f} extending inferiorly", "The {p} can't be assessed... \"{f}\" seen?", "Yes.", "No", "yes",
    "{p} and {q} are both displaced anteriorly by the {f}", "An image of A {p} & the {q}!", "{f}s' edges, 'tis {s}",
    "We see the {p}, which is bigger than the {q}, happily lying at level L{n}-L{n}.", "",
]
ODD = [
    ("--", "- -"), ("a.b.c", "a . b . c"), ("1,000.50", "1,000.5"), ("left/right", "left right"), ("..", "."),
    ("&lt;left&gt; &amp;amp; \"q\"", "<left> & \"q\""), ("well-\nknown side", "wellknown side"), ("5-10", "5 - 10"),
    ("cannot wanna gotta", "can not wan na got ta"), ("l'aorta d'ye more'n", "l' aorta d 'ye more 'n"),
    ("“curly” ‘quotes’ «there»", "\"curly\" 'quotes'"), ("dash\u2014dash\u2013dash", "dash - dash - dash"),
    ("caf\u00e9 na\u00efve \u0130stanbul", "cafe naive istanbul"), ("\u53f3\u80ba", "\u53f3\u80ba"), ("dying skies", "die sky"),
    ("a\u00a0b\u200bc\u0085d", "a b c d"), ("x\x1cy", "x y"), ("The the a an THE", "the"), ("$5, #3; 10% @home *", "5 3 10 home"),
    ("skipped<skipped>text", "skippedtext"), ("it's they've I'll n't N'T", "it is they have"), ("end.)\n", "end )"),
    ("a, b,\n", "a , b"), ("''quoted''", "\"quoted\""), ("nationally rationalization", "national ration"),
    ("generalli logically archaeology", "general logic archaeolog"), ("oed ying yyying", "oe y"), ("*ded ***ding", "d"),
    ("good good good bad", "well good"), ("quick fast car", "auto rapid speedy"), ("doctor's physicians", "doctor physician"),
    ("\u00bdd'ye \u00b2cannot Cannot wanna\x1c", "d 'ye can not wan na"), ("to Anterior. \x1c ", "anterior. to"),
    ("'word '\u093ex \u093e's 'Tis 'twas GONNA lemme-gimme", "' word tis twas gon na lem me gim me"),
]


def squad(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(prediction, reference):
    own, others = squad(prediction).split(), squad(reference).split()
    if not own or not others:
        return float(own == others)
    common = sum((Counter(own) & Counter(others)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(own), common / len(others)
    return 2 * precision * recall / (precision + recall)


def main():
    wordnet = WordNetCorpusReader(sys.argv[1], None)
    draw = random.Random(20260508)

    def text():
        return draw.choice(SHAPES).format(
            s=draw.choice(SIDES), p=draw.choice(PLACES), q=draw.choice(PLACES), f=draw.choice(FINDINGS), n=draw.randint(1, 12)
        )

    pairs = [(text(), text()) for _ in range(160)] + ODD + [(b, a) for a, b in ODD] + [(a, a) for a, _ in ODD[:8]]
    sentence, corpus = BLEU(effective_order=True), BLEU()
    sentence_lower, corpus_lower = BLEU(effective_order=True, lowercase=True), BLEU(lowercase=True)
    rouge = {stem: rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stem) for stem in (False, True)}
    words = NLTKWordTokenizer()
    print(json.dumps({"kind": "meta", "sacrebleu": sacrebleu.__version__, "nltk": nltk.__version__, "rouge_score": "0.1.2",
                      "wordnet": "3.0"}))
    for prediction, reference in pairs:
        def meteor(split):
            return single_meteor_score(split(reference), split(prediction), wordnet=wordnet)

        print(json.dumps({
            "kind": "pair", "prediction": prediction, "reference": reference,
            "bleu": sentence.sentence_score(prediction, [reference]).score,
            "bleu_lower": sentence_lower.sentence_score(prediction, [reference]).score,
            "tokens_13a": sentence.tokenizer(prediction.rstrip()),
            "rouge": rouge[False].score(reference, prediction)["rougeL"].fmeasure,
            "rouge_stem": rouge[True].score(reference, prediction)["rougeL"].fmeasure,
            "meteor": meteor(str.split), "meteor_nltk": meteor(words.tokenize), "words": words.tokenize(prediction),
            "squad": squad(prediction), "em": float(squad(prediction) == squad(reference)),
            "f1": squad_f1(prediction, reference),
        }))
    predictions, references = [a for a, _ in pairs], [b for _, b in pairs]
    print(json.dumps({"kind": "corpus", "bleu": corpus.corpus_score(predictions, [references]).score,
                      "bleu_lower": corpus_lower.corpus_score(predictions, [references]).score}))
    # Words that reach every rule of the stemmer: each ending behind stems of growing measure.
    endings = ("sses ies ss s eed ed ing at bl iz y ational tional enci anci izer abli alli entli eli ousli ization ation ator "
               "alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance "
               "ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll ied lly").split()
    heads = ["", "t", "tr", "hop", "fall", "oat", "troubl", "relat", "conform", "yy", "sky", "enjo", "caf\u00e9", "hiss", "\u00e9\u00e9"]
    stemmer = PorterStemmer()
    print(json.dumps({"kind": "stems", "stems": {head + end: stemmer.stem(head + end) for head in heads for end in endings}}))


if __name__ == "__main__":
    main()
