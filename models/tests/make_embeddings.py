#!/usr/bin/env python3
"""Write a small sentence-transformers folder with random weights, and the embeddings that the library gives.

    python make_embeddings.py --kind mean|cls|roberta|distilbert --seed 0 --out DIR

DIR receives modules.json, a BERT checkpoint, its tokenizer, the pooling's settings, and reference.json.
`mean`: mean over tokens, length 1, texts cut at max_seq_length. `cls`: the first token's vector as it is, tensors under
`bert.`, texts in lower case, cut where the tokenizer says. `roberta` and `distilbert`: as `mean`, with another encoder.

Needs torch, transformers and sentence-transformers. CPU, f32, eager attention; nothing is downloaded.
"""

import argparse
import json
import math
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the liver spleen aorta kidney lung left right of is lies above below behind in front and heart to".split()
TEXTS = [
    "The liver is to the right of the spleen.",
    "The spleen lies left of the liver.",
    "  above  ",
    "Überall: LIVER, spleen\nand aorta!",
    "",
    "The left kidney lies behind the spleen, below the left lung, and to the left of the aorta; the heart is above.",
    "the liver",
    "the aorta",
]


def tokenizer(limit):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=limit is None)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    sentences = [f"{one} {other}" for one in WORDS for other in WORDS] + TEXTS
    made.train_from_iterator(sentences, trainers.WordPieceTrainer(vocab_size=160, special_tokens=SPECIAL, show_progress=False))
    ends = [(token, made.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    # As some published files have it; readers have to take their limit from elsewhere.
    made.enable_padding(length=24)
    made.enable_truncation(24)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=limit or 10**30,
    )


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--kind", choices=["mean", "cls", "roberta", "distilbert"], required=True)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--out", type=Path, required=True)
    args = ask.parse_args()
    mean = args.kind != "cls"
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    words = tokenizer(None if mean else 16)
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=64)
    rows = len(words) + 8
    if args.kind == "roberta":
        model = hf.RobertaModel(hf.RobertaConfig(vocab_size=rows, pad_token_id=1, type_vocab_size=1, **sizes), add_pooling_layer=False)
    elif args.kind == "distilbert":
        model = hf.DistilBertModel(hf.DistilBertConfig(vocab_size=rows, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64))
    else:
        model = hf.BertModel(hf.BertConfig(vocab_size=rows, hidden_act="gelu" if mean else "gelu_new", **sizes), add_pooling_layer=False)
    draw = torch.Generator().manual_seed(args.seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=draw)
            weight.add_(0.2 * noise) if weight.dim() < 2 else weight.copy_(1.4 * noise / math.sqrt(weight[0].numel()))
    model.save_pretrained(args.out)
    words.save_pretrained(args.out)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + ([("2_Normalize", "Normalize")] if mean else [])
    listed = [dict(idx=i, name=str(i), path=path, type=f"sentence_transformers.models.{kind}") for i, (path, kind) in enumerate(modules)]
    pooling = dict(word_embedding_dimension=32, pooling_mode_cls_token=not mean, pooling_mode_mean_tokens=mean, pooling_mode_max_tokens=False)
    settings = dict(max_seq_length=20, do_lower_case=False) if mean else dict(do_lower_case=True)
    (args.out / "1_Pooling").mkdir(exist_ok=True)
    for file, table in (("modules.json", listed), ("1_Pooling/config.json", pooling), ("sentence_bert_config.json", settings)):
        (args.out / file).write_text(json.dumps(table, indent=1) + "\n")
    if not mean:
        file = args.out / "model.safetensors"
        save_file({f"bert.{name}": weight for name, weight in load_file(file).items()}, file)

    import sentence_transformers

    whole = sentence_transformers.SentenceTransformer(str(args.out), device="cpu", model_kwargs=dict(attn_implementation="eager"))
    reference = dict(
        made_by={"seed": args.seed, "sentence_transformers": sentence_transformers.__version__, "transformers": hf.__version__, "torch": torch.__version__},
        texts=TEXTS,
        embeddings=[[round(float(value), 9) for value in whole.encode([text])[0]] for text in TEXTS],
    )
    (args.out / "reference.json").write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()
