#!/usr/bin/env python3
"""Times sacreBLEU, rouge-score and NLTK on the very pairs of the bench `text_metrics`, on one core.

    SITUS_BENCH_INPUTS=FOLDER cargo bench --bench text_metrics
    python3 benches/peers_text.py FOLDER

Lines are those of cargo's bencher format, so that benches/summary.awk reads both. Whatever is not installed, or was not
saved, is left out with a line that says so. NLTK's METEOR reads the WordNet of SITUS_WORDNET, else /usr/share/wordnet;
its synsets are looked up once before the clock starts, so that reading files is not counted.
"""

import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

REPEATS = 3
# The one file of NLTK's WordNet that Debian's package lacks: lexicographer files in order, with their part of speech.
LEXNAMES = (
    "adj.all:3 adj.pert:3 adv.all:4 noun.Tops:1 noun.act:1 noun.animal:1 noun.artifact:1 noun.attribute:1 noun.body:1 "
    "noun.cognition:1 noun.communication:1 noun.event:1 noun.feeling:1 noun.food:1 noun.group:1 noun.location:1 "
    "noun.motive:1 noun.object:1 noun.person:1 noun.phenomenon:1 noun.plant:1 noun.possession:1 noun.process:1 "
    "noun.quantity:1 noun.relation:1 noun.shape:1 noun.state:1 noun.substance:1 noun.time:1 verb.body:2 verb.change:2 "
    "verb.cognition:2 verb.communication:2 verb.competition:2 verb.consumption:2 verb.contact:2 verb.creation:2 "
    "verb.emotion:2 verb.motion:2 verb.perception:2 verb.possession:2 verb.social:2 verb.stative:2 verb.weather:2 adj.ppl:3"
).split()


def timed(name, work):
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    median, spread = statistics.median(seconds), (max(seconds) - min(seconds)) / 2
    print(f"test peers/{name} ... bench: {round(median * 1e9):,} ns/iter (+/- {round(spread * 1e9):,})", flush=True)


def bleu(pairs):
    try:
        import sacrebleu
        from sacrebleu.metrics import BLEU
        from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
        from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp
    except ImportError:
        print("skipped: sacrebleu is not installed")
        return
    metric, predictions, references = BLEU(), [one for one, _ in pairs], [[other for _, other in pairs]]

    def work():
        # Both tokenisers remember texts, which would make the second round free.
        Tokenizer13a.__call__.cache_clear()
        TokenizerRegexp.__call__.cache_clear()
        metric.corpus_score(predictions, references)

    print(f"timed bleu: sacrebleu {sacrebleu.__version__}")
    timed("sacrebleu", work)


def rouge(pairs):
    try:
        from rouge_score import rouge_scorer
    except ImportError:
        print("skipped: rouge-score is not installed")
        return
    for name, stemmer in (("rouge-score, stemmer", True), ("rouge-score", False)):
        scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stemmer)
        timed(name, lambda: [scorer.score(reference, prediction) for prediction, reference in pairs])


def meteor(pairs):
    source = pathlib.Path(os.environ.get("SITUS_WORDNET", "/usr/share/wordnet"))
    if not (source / "data.noun").is_file():
        print(f"skipped: no WordNet in {source}")
        return
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "corpora" / "wordnet"
        target.mkdir(parents=True)
        for path in source.iterdir():
            if path.is_file():
                shutil.copy(path, target / path.name)
        lines = (f"{at:02}\t{name.replace(':', chr(9))}\n" for at, name in enumerate(LEXNAMES))
        (target / "lexnames").write_text("".join(lines))
        try:
            import nltk
            from nltk.corpus.reader.wordnet import WordNetCorpusReader
            from nltk.tokenize import NLTKWordTokenizer
            from nltk.translate.meteor_score import single_meteor_score
        except ImportError:
            print("skipped: nltk is not installed")
            return
        nltk.data.path.insert(0, folder)
        wordnet = WordNetCorpusReader(str(target), None)
        words = NLTKWordTokenizer()

        def scores(split):
            return [single_meteor_score(split(reference), split(prediction), wordnet=wordnet) for prediction, reference in pairs]

        scores(str.split)
        print(f"timed meteor: nltk {nltk.__version__}")
        timed("nltk meteor", lambda: scores(str.split))
        timed("nltk meteor, nltk tokens", lambda: scores(words.tokenize))


def main():
    path = pathlib.Path(sys.argv[1]) / "pairs.jsonl"
    if not path.is_file():
        print(f"skipped: no {path.name}; the bench saves it where SITUS_BENCH_INPUTS says")
        return
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    pairs = [(line["prediction"], line["reference"]) for line in lines]
    bleu(pairs)
    rouge(pairs)
    meteor(pairs)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
