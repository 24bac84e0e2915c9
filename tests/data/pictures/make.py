# Makes the pictures of these tests with Pillow 9.4, as in Debian's python3-pil: JPEG files, what Pillow decodes them to, and what it resizes one to.
#
#     python3 make.py
import numpy as np
from PIL import Image

random = np.random.default_rng(1)
coarse = Image.fromarray((random.random((5, 6, 3)) * 255).astype(np.uint8))
picture = Image.fromarray((np.asarray(coarse.resize((41, 29), Image.BICUBIC)).astype(float) + random.normal(0, 4, (29, 41, 3))).clip(0, 255).astype(np.uint8))
for name, image, options in [
    ("baseline", picture, {}),
    ("progressive", picture, {"progressive": True}),
    ("grey", picture.convert("L"), {}),
    ("full", picture, {"subsampling": 0, "quality": 95}),
    ("cmyk", picture.convert("CMYK"), {}),
]:
    image.save(f"{name}.jpg", **options)
    if name != "cmyk":
        Image.open(f"{name}.jpg").save(f"{name}.decoded.png")
picture.save("picture.png")
picture.resize((16, 12), Image.BILINEAR).save("stretched.png")
picture.resize((60, 50), Image.BILINEAR).save("enlarged.png")
# What torchvision's Resize(16) and CenterCrop(14) do.
height, width = 16, int(16 * 41 / 29)
scaled = picture.resize((width, height), Image.BILINEAR)
left, top = round((width - 14) / 2), round((height - 14) / 2)
scaled.crop((left, top, left + 14, top + 14)).save("cut.png")
picture.quantize(13).save("palette.png")
picture.quantize(13).convert("RGB").save("palette.decoded.png")
picture.convert("1").save("bits.png")
picture.convert("1").convert("L").save("bits.decoded.png")
