def words(text):
    """`text`, which only people at a computer read: on the drive it is left out, as it would fill the heap.

    `endcall.bytecode` puts "" in place of the whole call, so `text` must be a plain constant.
    """
    return text
