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
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

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


def byte_tokenizer():
    """As Qwen's: words of bytes."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", clean_up_tokenization_spaces=False
    )


def piece_tokenizer(marks, prefix=False, **names):
    """As Gemma's: U+2581 for a space, bytes for what has no piece, line breaks as added tokens; with a prefix as Llama's."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    pieces = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    pieces.normalizer = normalizers.Replace(" ", "\u2581")
    pieces.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    head = special + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=420, special_tokens=head, show_progress=False))
    made = json.loads(pieces.to_str())
    made["added_tokens"] = [token for token in made["added_tokens"] if token["content"] in special]
    made["pre_tokenizer"] = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    if prefix:
        made["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, made["normalizer"]]}
    made = Tokenizer.from_str(json.dumps(made))
    made.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_tokens([AddedToken("\n" * count, special=False, normalized=False) for count in (1, 2, 3)])
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in marks])
    bos = ("<bos>", made.token_to_id("<bos>"))
    made.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[bos])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>",
        clean_up_tokenization_spaces=False, extra_special_tokens=names,
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


def qwen3_vl(tied):
    words = byte_tokenizer()
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


def qwen2_5_vl(tied):
    words = byte_tokenizer()
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


# A system message goes into the first turn, as in the published one.
GEMMA_TEMPLATE = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set opening = messages[0]['content'] + '\n\n' -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set opening = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for turn in turns -%}
    {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('turns of user and model alternate') }}{%- endif -%}
    {{- '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\n' + (opening if loop.first else '') -}}
    {%- if turn['content'] is string -%}
        {{- turn['content'] | trim -}}
    {%- elif turn['content'] is iterable -%}
        {%- for part in turn['content'] -%}
            {%- if part['type'] == 'image' -%}{{- '<start_of_image>' -}}{%- elif part['type'] == 'text' -%}{{- part['text'] | trim -}}{%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- '<end_of_turn>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}"""


def siglip(side):
    return dict(
        model_type="siglip_vision_model", hidden_size=36, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        patch_size=8, image_size=side, vision_use_head=False,
    )


def gemma_text(words, rows, **more):
    return dict(
        vocab_size=rows, hidden_size=64, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        num_hidden_layers=3, max_position_embeddings=4096, bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id, **more,
    )


def gemma3(tied):
    side, tokens = 48, 9
    names = dict(boi_token="<start_of_image>", eoi_token="<end_of_image>", image_token="<image_soft_token>")
    words = piece_tokenizer(["<start_of_turn>", "<end_of_turn>", *names.values()], **names)
    marks = {f"{name}_index": words.convert_tokens_to_ids(text) for name, text in names.items()}
    config = hf.Gemma3Config(
        # A window smaller than a picture, so that it cuts the picture's own tokens.
        text_config=gemma_text(
            words, 512, query_pre_attn_scalar=24, sliding_window=7,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            rope_parameters={
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
            },
        ),
        vision_config=siglip(side), mm_tokens_per_image=tokens, tie_word_embeddings=tied, **marks,
        eos_token_id=[words.eos_token_id, words.convert_tokens_to_ids("<end_of_turn>")],
    )
    images = hf.Gemma3ImageProcessor(size={"height": side, "width": side}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    images.image_seq_length = tokens
    processor = hf.Gemma3Processor(image_processor=images, tokenizer=words, image_seq_length=tokens, chat_template=GEMMA_TEMPLATE)
    return hf.Gemma3ForConditionalGeneration(config), processor, side


def paligemma(tied, version=1):
    side = 32
    words = piece_tokenizer(["<image>"], image_token="<image>")
    images = hf.SiglipImageProcessor(size={"height": side, "width": side}, image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=3)
    images.image_seq_length = (side // 8) ** 2
    processor = hf.PaliGemmaProcessor(image_processor=images, tokenizer=words)  # adds <loc0000> to <seg127>
    rope = {"rope_type": "default", "rope_theta": 1e4}
    if version == 1:
        text = gemma_text(words, 1664, model_type="gemma", rope_parameters=rope)
        text["num_key_value_heads"] = 1
    else:
        # Caps that bend these small numbers, a window that all prompts exceed.
        text = gemma_text(
            words, 1664, model_type="gemma2", rope_parameters=rope, query_pre_attn_scalar=24, sliding_window=7,
            attn_logit_softcapping=2.0, final_logit_softcapping=3.0,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        )
    config = hf.PaliGemmaConfig(
        text_config=text, vision_config=siglip(side), projection_dim=64, hidden_size=64, tie_word_embeddings=tied,
        image_token_index=words.convert_tokens_to_ids("<image>"), bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )
    return hf.PaliGemmaForConditionalGeneration(config), processor, side


def paligemma2(tied):
    return paligemma(tied, version=2)


VICUNA_TEMPLATE = """{% for message in messages %}
{{ message.role | upper + ': ' }}
{% for part in message.content if part.type == 'image' %}{{ '<image>\n' }}{% endfor %}
{% for part in message.content if part.type == 'text' %}{{ part.text + ' ' }}{% endfor %}{% endfor %}
{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"""
MISTRAL_TEMPLATE = """{{ bos_token }}{% for message in messages %}
[INST] {% for part in message.content %}
{% if part.type == 'image' %}{{ '<image>\n' }}{% else %}{{ part.text }}{% endif %}
{% endfor %} [/INST]{% endfor %}"""


def llava(tied, kind="llava"):
    """LLaVA 1.5 with Llama, `llava_med` with Mistral, a window and padded pictures, `llava_next` with Mistral."""
    side, patch = 28, 7
    words = piece_tokenizer(["<image>"], prefix=True, image_token="<image>")
    rope = {"rope_type": "default", "rope_theta": 1e5}
    text = gemma_text(words, 448, rope_parameters=rope, rms_norm_eps=1e-5, tie_word_embeddings=tied)
    if kind in ("llava", "llava_next_llama"):
        text.update(model_type="llama", num_key_value_heads=4)
    else:
        text.update(model_type="mistral", sliding_window=24 if kind == "llava_med" else None)
    vision = dict(
        model_type="clip_vision_model", hidden_size=36, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2,
        patch_size=patch, image_size=side, projection_dim=32,
    )
    common = dict(
        text_config=text, vision_config=vision, image_token_index=words.convert_tokens_to_ids("<image>"), tie_word_embeddings=tied,
        vision_feature_layer=-2, vision_feature_select_strategy="default", image_seq_length=(side // patch) ** 2,
    )
    sizes = dict(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    template = VICUNA_TEMPLATE if text["model_type"] == "llama" else MISTRAL_TEMPLATE
    given = dict(tokenizer=words, patch_size=patch, vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=template)
    if kind.startswith("llava_next"):
        pins = [[side * rows, side * columns] for rows, columns in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))]
        images = hf.LlavaNextImageProcessor(image_grid_pinpoints=pins, **sizes)
        processor = hf.LlavaNextProcessor(image_processor=images, **given)
        return hf.LlavaNextForConditionalGeneration(hf.LlavaNextConfig(image_grid_pinpoints=pins, **common)), processor, side
    images = hf.LlavaImageProcessor(do_pad=True, **sizes) if kind == "llava_med" else hf.CLIPImageProcessor(**sizes)
    processor = hf.LlavaProcessor(image_processor=images, **given)
    return hf.LlavaForConditionalGeneration(hf.LlavaConfig(**common)), processor, side


def llava_med(tied):
    return llava(tied, "llava_med")


def llava_next(tied):
    return llava(tied, "llava_next")


def llava_next_llama(tied):
    return llava(tied, "llava_next_llama")


LLAVA = {"llava": llava, "llava_med": llava_med, "llava_next": llava_next, "llava_next_llama": llava_next_llama}
FAMILIES = {**LLAVA, "qwen3_vl": qwen3_vl, "qwen2_5_vl": qwen2_5_vl, "gemma3": gemma3, "paligemma": paligemma, "paligemma2": paligemma2}
SQUARE = ("gemma3", "paligemma", "paligemma2", "llava", "llava_med")
DEEPER = (*SQUARE, "llava_next", "llava_next_llama")


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


def cases(side, square, video):
    question, wide = "Is the liver left of the spleen? Answer yes or no.", (side, side) if square else (3 * side, 2 * side)
    yield "text", question, [], []
    yield "image", question, [picture(*wide, 0.3)], []
    yield "image_resized", question, [picture(*((29, 37) if square else (117, 85)), 0.6)], []
    yield "image_shrunk", question, [picture(301, 173, 0.1)], []
    yield "slices", "Which slice shows the aorta?", [picture(*wide, 0.1), picture(90, 111, 0.5), picture(*wide, 0.9)], []
    if video:
        yield "video", "What lies above the pancreas?", [], [picture(*wide, k / 5) for k in range(5)]


def prepared(processor, messages, question, images, frames):
    """What the processor makes of messages."""
    if isinstance(processor, hf.PaliGemmaProcessor):
        if images:
            return processor(return_tensors="pt", text=["<image>" * len(images) + question], images=[images])
        # The processor insists on a picture; without one, what it would make of the text.
        words = processor.tokenizer
        batch = words([f"{words.bos_token}{question}\n"], add_special_tokens=False, return_tensors="pt")
        return {**batch, "token_type_ids": torch.zeros_like(batch["input_ids"])}
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    given = dict(text=[prompt])
    if processor.tokenizer.bos_token and prompt.startswith(processor.tokenizer.bos_token):
        given["add_special_tokens"] = False  # as apply_chat_template does where the template prints the first token
    if images:
        given["images"] = [images]
    if frames:
        from transformers.video_utils import VideoMetadata

        count = len(frames)
        given["videos"] = [np.stack([np.asarray(frame) for frame in frames])]
        given["video_metadata"] = [VideoMetadata(total_num_frames=count, fps=1.5, duration=count / 1.5, frames_indices=list(range(count)))]
        given["do_sample_frames"] = False
    return processor(return_tensors="pt", **given)


def positions(model, batch):
    """Where each token stands: of the model's own rule, or what its rotary layer is given."""
    if hasattr(model.model, "get_rope_index"):
        kinds = {k: v for k, v in batch.items() if k in ("mm_token_type_ids", "image_grid_thw", "video_grid_thw", "second_per_grid_ts", "attention_mask")}
        return model.model.get_rope_index(batch["input_ids"], **kinds)[0][:, 0]
    seen = []
    watch = lambda module, args, named: seen.append(named.get("position_ids", args[1] if len(args) > 1 else None))
    handle = model.model.language_model.rotary_emb.register_forward_pre_hook(watch, with_kwargs=True)
    model(**batch, use_cache=False)
    handle.remove()
    return seen[0].long()


def count_tiles(config, size):
    from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

    return image_size_to_num_patches(size, config.image_grid_pinpoints, config.vision_config.image_size)


def run_case(model, processor, case, out, steps, trim):
    name, question, images, frames = case
    content = [{"type": "image"} for _ in images] + ([{"type": "video"}] if frames else [])
    messages = [{"role": "user", "content": content + [{"type": "text", "text": question}]}]
    batch = prepared(processor, messages, question, images, frames)
    batch = {k: v for k, v in batch.items() if isinstance(v, torch.Tensor) and k not in ("labels", "num_crops")}
    with torch.no_grad():
        reply = model.generate(**batch, do_sample=False, max_new_tokens=steps, output_logits=True, return_dict_in_generate=True)
        whole = model(**batch, output_hidden_states=True, use_cache=False)
        seen = []
        for method, kind in (("get_image_features", "pixel_values"), ("get_video_features", "pixel_values_videos")):
            if kind in batch:
                grid = batch.get(kind.replace("pixel_values_videos", "video_grid_thw").replace("pixel_values", "image_grid_thw"), batch.get("image_sizes"))
                found = getattr(model, method)(batch[kind], *([] if grid is None else [grid]))
                seen += list(found.pooler_output)
                seen += [part for depth in getattr(found, "deepstack_features", None) or [] for part in depth]
        places = positions(model, batch)
    start = batch["input_ids"].shape[1]
    outputs = {
        "generated_ids": reply.sequences[0, start:],
        "step_logits": torch.stack([step[0] for step in reply.logits]),
        "prefill_logits": whole.logits[0],
        "position_ids": places,
        **{f"hidden_{i}": states[0] for i, states in enumerate(whole.hidden_states)},
        **{f"vision_{i}": features for i, features in enumerate(seen)},
    }
    inputs = {k: v for k, v in batch.items() if k in ("input_ids", "pixel_values", "pixel_values_videos", "image_grid_thw", "video_grid_thw")}
    if "image_sizes" in batch:  # without the tiles that only fill up the batch
        inputs["pixel_values"] = torch.cat([tiles[: count_tiles(model.config, size)] for tiles, size in zip(batch["pixel_values"], batch["image_sizes"])])
    if trim:
        large = lambda k, v: k.startswith(("hidden_", "prefill_", "pixel_")) and v.dim() == 2
        outputs = {k: v[-KEPT_ROWS:] if large(k, v) else v for k, v in outputs.items()}
        inputs = {k: v[-KEPT_ROWS:] if large(k, v) else v for k, v in inputs.items()}
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


def published_names(path):
    """The tower one level deeper, as in checkpoints published before transformers 5."""
    from safetensors.torch import load_file

    deeper = lambda name: name if "vision_model" in name else name.replace("vision_tower.", "vision_tower.vision_model.")
    save_file({deeper(name): weight for name, weight in load_file(path).items()}, path, metadata={"format": "pt"})


def older(folder):
    """config.json and preprocessor_config.json as published before transformers 5."""
    config = json.loads((folder / "config.json").read_text())
    text = config["text_config"]
    rope = text.pop("rope_parameters")
    if config["model_type"] == "gemma3":
        rope, sliding = rope["full_attention"], rope["sliding_attention"]
        text["rope_local_base_freq"] = sliding["rope_theta"]
        text.pop("layer_types")
        text["sliding_window_pattern"] = 2
        config.pop("tie_word_embeddings")
        usual = hf.Gemma3TextConfig().to_dict()
        config["text_config"] = text = {k: v for k, v in text.items() if k == "model_type" or k not in usual or usual[k] != v}
    if config["model_type"] in ("llava", "llava_next"):
        usual = {"llama": hf.LlamaConfig, "mistral": hf.MistralConfig}[text["model_type"]]().to_dict()
        config["text_config"] = text = {k: v for k, v in text.items() if k == "model_type" or k not in usual or usual[k] != v}
    text["rope_theta"] = rope.pop("rope_theta")
    text["rope_scaling"] = rope if set(rope) != {"rope_type"} else None
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
    model, processor, side = FAMILIES[args.family](not args.untied)
    randomise(model, args.seed)
    model.save_pretrained(args.out)
    processor.save_pretrained(args.out)
    (args.out / "processor_config.json").unlink()
    processor.image_processor.save_pretrained(args.out)
    if hasattr(processor, "video_processor"):
        processor.video_processor.save_pretrained(args.out)
    if args.older and args.family in DEEPER:
        published_names(args.out / "model.safetensors")
    model = type(model).from_pretrained(args.out, dtype=torch.float32, attn_implementation="eager").eval()
    model.generation_config.eos_token_id = None
    for case in cases(side, args.family in SQUARE, args.family.startswith("qwen")):
        run_case(model, processor, case, args.out / "reference", args.steps, args.trim)
    if args.older:
        older(args.out)
    version = {"model_class": type(model).__name__, "seed": args.seed, "torch": torch.__version__, "transformers": hf.__version__}
    (args.out / "reference" / "made_by.json").write_text(json.dumps(version, indent=1) + "\n")


if __name__ == "__main__":
    main()
