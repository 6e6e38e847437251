#!/usr/bin/env python3
"""The same work as the bench `speed`, done by transformers, on a checkpoint of half a billion random parameters.

    python models/benches/speed.py make DIR [--dtype bfloat16]
    python models/benches/speed.py measure DIR --threads 2
    SITUS_BENCH_MODEL=DIR RAYON_NUM_THREADS=2 cargo bench -p situs-models --bench speed

Both read the prompt that `make` writes to DIR/prompt.json: three pictures and a question. Reported are tokens a second of
taking in the prompt, pictures included, and of decoding one sequence greedily, and both again by the processor time of
all threads, which a busy machine disturbs less. f32, CPU, transformers' default attention.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import make_reference as small
import numpy as np
import torch
import transformers as hf

STEPS = 32
REPEATS = 3


def make(folder, dtype):
    words = small.tokenizer()
    config = hf.Qwen3VLConfig(
        text_config=dict(
            vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_attention_heads=16, num_key_value_heads=8,
            head_dim=128, num_hidden_layers=20, max_position_embeddings=32768, eos_token_id=words.eos_token_id,
            rope_parameters={"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True},
        ),
        vision_config=dict(
            depth=12, hidden_size=768, intermediate_size=3072, num_heads=12, patch_size=16, out_hidden_size=1024,
            num_position_embeddings=2304, deepstack_visual_indexes=[3, 6, 9],
        ),
        tie_word_embeddings=True, **small.marks(words),
    )
    common = dict(patch_size=16, merge_size=2, temporal_patch_size=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    images = hf.Qwen2VLImageProcessor(size={"shortest_edge": 65536, "longest_edge": 16777216}, **common)
    videos = hf.Qwen3VLVideoProcessor(**common)
    processor = hf.Qwen3VLProcessor(image_processor=images, tokenizer=words, video_processor=videos, chat_template=small.TEMPLATE)
    torch.manual_seed(0)
    model = hf.Qwen3VLForConditionalGeneration(config).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "processor_config.json").unlink()
    images.save_pretrained(folder)
    videos.save_pretrained(folder)
    names = []
    for k in range(3):
        names.append(f"picture_{k}.png")
        small.picture(512, 512, k / 3).save(folder / names[-1])
    question = " ".join(small.SENTENCES[:8])
    (folder / "prompt.json").write_text(json.dumps({"images": names, "text": question, "steps": STEPS, "repeats": REPEATS}))
    print(sum(p.numel() for p in model.parameters()), "parameters")


def measure(folder, threads):
    from PIL import Image

    torch.set_num_threads(threads)
    model = hf.Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = hf.AutoProcessor.from_pretrained(folder)
    asked = json.loads((folder / "prompt.json").read_text())
    images = [Image.open(folder / name).convert("RGB") for name in asked["images"]]
    content = [{"type": "image"} for _ in images] + [{"type": "text", "text": asked["text"]}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    first, each, ids, steps = [], [], None, asked["steps"]
    now = lambda: np.array([time.perf_counter(), time.process_time()])
    with torch.no_grad():
        for _ in range(asked["repeats"] + 1):
            start = now()
            batch = processor(text=[prompt], images=[images], return_tensors="pt")
            out = model(**batch, use_cache=True, logits_to_keep=1)
            first.append(now() - start)
            ids, cache, count = [out.logits[0, -1].argmax()], out.past_key_values, batch["input_ids"].shape[1]
            start = now()
            for step in range(steps):
                places = torch.full((3, 1, 1), int(model.model.rope_deltas) + count + step)
                out = model(input_ids=ids[-1].reshape(1, 1), past_key_values=cache, position_ids=places, use_cache=True)
                ids.append(out.logits[0, -1].argmax())
            each.append(now() - start)
    (prompt_wall, prompt_cpu), (reply_wall, reply_cpu) = np.min(first[1:], axis=0), np.min(each[1:], axis=0)
    report = {
        "program": f"transformers {hf.__version__}, torch {torch.__version__}", "threads": threads, "prompt_tokens": count,
        "prompt_tokens_per_second": count / prompt_wall, "decoded_tokens_per_second": steps / reply_wall,
        "prompt_cpu_seconds": prompt_cpu, "reply_cpu_seconds": reply_cpu, "ids": [int(token) for token in ids[:steps]],
    }
    print(json.dumps(report))


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("what", choices=["make", "measure"])
    ask.add_argument("folder", type=Path)
    ask.add_argument("--dtype", default="float32")
    ask.add_argument("--threads", type=int, default=2)
    args = ask.parse_args()
    make(args.folder, args.dtype) if args.what == "make" else measure(args.folder, args.threads)


if __name__ == "__main__":
    main()
