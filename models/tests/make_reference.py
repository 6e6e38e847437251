#!/usr/bin/env python3
"""Write a small checkpoint with random weights, and what transformers makes of it.

    python make_reference.py --family qwen3_vl --seed 0 --out DIR [--untied] [--older] [--trim]

DIR receives a checkpoint as published (config.json, model.safetensors, tokenizer.json, chat_template.jinja,
preprocessor_config.json, ...) and DIR/reference, which `situs model check DIR` reads. --older writes config.json as it
was before transformers 5. --trim keeps the last rows of the large tensors alone, for references that are committed.

Needs torch, torchvision, transformers and Pillow. CPU, f32, eager attention; nothing is downloaded.
"""

import argparse
import json
import math
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers as hf
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
SENTENCES = [
    f"Is the {one} {side} the {other}? Answer yes or no. The {one} lies {side} the {other} in this axial slice."
    for one in ("liver", "spleen", "aorta", "left kidney", "stomach")
    for other in ("heart", "pancreas", "right lung", "gallbladder")
    for side in ("left of", "right of", "above", "below", "in front of", "behind")
]
TEMPLATE = """{% for message in messages %}
<|im_start|>{{ message.role }}
{% if message.content is string %}
{{ message.content }}{% else %}
{% for part in message.content %}
{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% elif part.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ part.text.strip() }}{% endif %}
{% endfor %}{% endif %}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""
KEPT_ROWS = 8


def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", clean_up_tokenization_spaces=False
    )


def text_config(words, sections, **more):
    return dict(
        vocab_size=448, hidden_size=64, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=4096, rms_norm_eps=1e-6, bos_token_id=None, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6, **sections}, **more,
    )


def marks(words):
    names = dict(image_token_id="image_pad", video_token_id="video_pad", vision_start_token_id="vision_start", vision_end_token_id="vision_end")
    return {name: words.convert_tokens_to_ids(f"<|{token}|>") for name, token in names.items()}


def qwen3_vl(words, tied):
    config = hf.Qwen3VLConfig(
        text_config=text_config(words, {"mrope_section": [4, 2, 2], "mrope_interleaved": True}, head_dim=16, num_hidden_layers=3),
        vision_config=dict(
            depth=3, hidden_size=32, intermediate_size=48, num_heads=2, patch_size=16, out_hidden_size=64,
            num_position_embeddings=49, deepstack_visual_indexes=[0, 2],
        ),
        tie_word_embeddings=tied, **marks(words),
    )
    common = dict(patch_size=16, merge_size=2, temporal_patch_size=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    images = hf.Qwen2VLImageProcessor(size={"shortest_edge": 4096, "longest_edge": 36864}, **common)
    videos = hf.Qwen3VLVideoProcessor(size={"shortest_edge": 4096, "longest_edge": 262144}, **common)
    processor = hf.Qwen3VLProcessor(image_processor=images, tokenizer=words, video_processor=videos, chat_template=TEMPLATE)
    return hf.Qwen3VLForConditionalGeneration(config), processor, 32


def qwen2_5_vl(words, tied):
    config = hf.Qwen2_5_VLConfig(
        text_config=text_config(words, {"mrope_section": [2, 3, 3]}, num_hidden_layers=3, use_sliding_window=False),
        vision_config=dict(
            depth=3, hidden_size=32, intermediate_size=48, num_heads=2, patch_size=14, out_hidden_size=64,
            window_size=56, fullatt_block_indexes=[1], tokens_per_second=3, hidden_act="silu",
        ),
        tie_word_embeddings=tied, **marks(words),
    )
    common = dict(patch_size=14, merge_size=2, temporal_patch_size=2)
    size = {"shortest_edge": 3136, "longest_edge": 28224}
    images = hf.Qwen2VLImageProcessor(size=size, **common)
    videos = hf.Qwen2VLVideoProcessor(size=size, **common)
    processor = hf.Qwen2_5_VLProcessor(image_processor=images, tokenizer=words, video_processor=videos, chat_template=TEMPLATE)
    return hf.Qwen2_5_VLForConditionalGeneration(config), processor, 28


FAMILIES = {"qwen3_vl": qwen3_vl, "qwen2_5_vl": qwen2_5_vl}


def randomise(model, seed):
    """Weights that give neither flat logits nor a model that repeats its input; norms and biases off their defaults."""
    draw = torch.Generator().manual_seed(seed)
    embeddings = model.get_input_embeddings().weight
    tied = embeddings.data_ptr() == model.get_output_embeddings().weight.data_ptr()
    done = set()
    with torch.no_grad():
        for _, weight in sorted(model.named_parameters()):
            if weight.data_ptr() in done:
                continue
            done.add(weight.data_ptr())
            noise = torch.randn(weight.shape, generator=draw)
            if weight.dim() < 2:
                weight.add_(0.2 * noise)
            else:
                gain = 0.4 if tied and weight is embeddings else 1.4
                weight.copy_(noise * gain / math.sqrt(weight[0].numel()))


def picture(width, height, depth):
    """Discs in an ellipse, as 8-bit RGB."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
    grey = np.where(u**2 / 0.8 + v**2 / 0.6 < 1, 90 + 40 * u * v, 8)
    for at, radius, level in (((-0.4, -0.1), 0.4 - 0.2 * depth, 160), ((0.4, 0.2), 0.2 + 0.2 * depth, 220)):
        grey = np.where((u - at[0]) ** 2 + (v - at[1]) ** 2 < radius**2, level - 30 * depth, grey)
    rgb = np.stack([grey, 0.9 * grey + 20 * depth, 250 - grey], axis=-1)
    return Image.fromarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8), "RGB")


def cases(side):
    question, wide = "Is the liver left of the spleen? Answer yes or no.", (3 * side, 2 * side)
    yield "text", question, [], []
    yield "image", question, [picture(*wide, 0.3)], []
    yield "image_resized", question, [picture(117, 85, 0.6)], []
    yield "image_shrunk", question, [picture(301, 173, 0.1)], []
    yield "slices", "Which slice shows the aorta?", [picture(*wide, 0.1), picture(90, 111, 0.5), picture(*wide, 0.9)], []
    yield "video", "What lies above the pancreas?", [], [picture(*wide, k / 5) for k in range(5)]


def run_case(model, processor, case, out, steps, trim):
    name, question, images, frames = case
    content = [{"type": "image"} for _ in images] + ([{"type": "video"}] if frames else [])
    messages = [{"role": "user", "content": content + [{"type": "text", "text": question}]}]
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    given = dict(text=[prompt])
    if images:
        given["images"] = [images]
    if frames:
        from transformers.video_utils import VideoMetadata

        count = len(frames)
        given["videos"] = [np.stack([np.asarray(frame) for frame in frames])]
        given["video_metadata"] = [VideoMetadata(total_num_frames=count, fps=1.5, duration=count / 1.5, frames_indices=list(range(count)))]
        given["do_sample_frames"] = False
    batch = {k: v for k, v in processor(return_tensors="pt", **given).items() if isinstance(v, torch.Tensor)}
    with torch.no_grad():
        reply = model.generate(**batch, do_sample=False, max_new_tokens=steps, output_logits=True, return_dict_in_generate=True)
        whole = model(**batch, output_hidden_states=True, use_cache=False)
        seen = []
        for method, kind in (("get_image_features", "pixel_values"), ("get_video_features", "pixel_values_videos")):
            if kind in batch:
                found = getattr(model, method)(batch[kind], batch[kind.replace("pixel_values_videos", "video_grid_thw").replace("pixel_values", "image_grid_thw")])
                seen += list(found.pooler_output)
                seen += [part for depth in getattr(found, "deepstack_features", None) or [] for part in depth]
        kinds = {k: v for k, v in batch.items() if k in ("mm_token_type_ids", "image_grid_thw", "video_grid_thw", "second_per_grid_ts", "attention_mask")}
        places, _ = model.model.get_rope_index(batch["input_ids"], **kinds)
    start = batch["input_ids"].shape[1]
    outputs = {
        "generated_ids": reply.sequences[0, start:],
        "step_logits": torch.stack([step[0] for step in reply.logits]),
        "prefill_logits": whole.logits[0],
        "position_ids": places[:, 0],
        **{f"hidden_{i}": states[0] for i, states in enumerate(whole.hidden_states)},
        **{f"vision_{i}": features for i, features in enumerate(seen)},
    }
    inputs = {k: v for k, v in batch.items() if k in ("input_ids", "pixel_values", "pixel_values_videos", "image_grid_thw", "video_grid_thw")}
    if trim:
        large = lambda k: k.startswith(("hidden_", "prefill_", "pixel_"))
        outputs = {k: v[-KEPT_ROWS:] if large(k) else v for k, v in outputs.items()}
        inputs = {k: v[-KEPT_ROWS:] if large(k) else v for k, v in inputs.items()}
    place = out / name
    place.mkdir(parents=True)
    for file, tensors in (("inputs", inputs), ("outputs", outputs)):
        save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, place / f"{file}.safetensors")
    (out / "images").mkdir(exist_ok=True)
    files = [f"{name}_{i}.png" for i in range(len(images) + len(frames))]
    for file, image in zip(files, images + frames):
        image.save(out / "images" / file)
    described = dict(messages=messages, images=files if images else [], video_frames=files if frames else [], video_fps=1.5 if frames else None)
    (place / "case.json").write_text(json.dumps(described, indent=1) + "\n")


def older(folder):
    """config.json and preprocessor_config.json as published before transformers 5."""
    config = json.loads((folder / "config.json").read_text())
    text = config["text_config"]
    rope = text.pop("rope_parameters")
    text["rope_theta"] = rope.pop("rope_theta")
    text["rope_scaling"] = rope
    config["vision_config"].pop("rope_parameters", None)
    if config["model_type"] == "qwen2_5_vl":
        text["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
        text.pop("model_type")
        config = {**config.pop("text_config"), **config}
        pixels = json.loads((folder / "preprocessor_config.json").read_text())
        size = pixels.pop("size")
        pixels.update(min_pixels=size["shortest_edge"], max_pixels=size["longest_edge"])
        (folder / "preprocessor_config.json").write_text(json.dumps(pixels, indent=1) + "\n")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--family", choices=sorted(FAMILIES), required=True)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--out", type=Path, required=True)
    ask.add_argument("--steps", type=int, default=6)
    ask.add_argument("--untied", action="store_true")
    ask.add_argument("--older", action="store_true")
    ask.add_argument("--trim", action="store_true")
    args = ask.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    model, processor, side = FAMILIES[args.family](tokenizer(), not args.untied)
    randomise(model, args.seed)
    model.save_pretrained(args.out)
    processor.save_pretrained(args.out)
    (args.out / "processor_config.json").unlink()
    processor.image_processor.save_pretrained(args.out)
    processor.video_processor.save_pretrained(args.out)
    model = type(model).from_pretrained(args.out, dtype=torch.float32, attn_implementation="eager").eval()
    model.generation_config.eos_token_id = None
    for case in cases(side):
        run_case(model, processor, case, args.out / "reference", args.steps, args.trim)
    if args.older:
        older(args.out)
    version = {"model_class": type(model).__name__, "seed": args.seed, "torch": torch.__version__, "transformers": hf.__version__}
    (args.out / "reference" / "made_by.json").write_text(json.dumps(version, indent=1) + "\n")


if __name__ == "__main__":
    main()
