"""Changes of real code, made by program: what `edits.py` turns into samples of the second stage.

`region` holds what they share, `python` and `rust` what each language can be asked, `faults` what a compiler complains about,
`unit_tests` pairs functions with their tests. No module here knows how a sample is laid out.
"""
