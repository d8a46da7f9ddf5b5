"""Where the drive keeps what changes. Shared by the firmware and by the tool that lays the drive out.

Every file here is created at its full size by the drive image and is only ever overwritten in place, in a folder
of its own: then a write erases nothing but the file's own blocks, and a power cut can cost nothing else.
"""

BLOCK_BYTES = 4096  # a flash sector: the unit of erasing, and a cluster of the image's drive

#: The settings record, twice; written in turn.
STORE_PATHS = ("/store_a/settings.bin", "/store_b/settings.bin")

#: Full blocks of incident records, moved out of the NVM.
JOURNAL_PATH = "/journal/incidents.bin"
JOURNAL_BLOCKS = 8

#: Prompts. One slot more than there are kinds of prompt, so a new one never overwrites one in use.
SLOT_PATHS = ("/prompt_0/prompt.wav", "/prompt_1/prompt.wav", "/prompt_2/prompt.wav")
SLOT_BYTES = 46 * BLOCK_BYTES

#: Prompts of a drive that was copied file by file, without slots.
PLAIN_PROMPTS = "/prompts/"

#: Applications that came later than the drive (`endcall_base`): a block for a record, then the application.
APP_PATHS = ("/app_a/app.img", "/app_b/app.img")
APP_BYTES = 21 * BLOCK_BYTES
APP_MOUNT = "/app"  # an empty folder, where the application in a slot is shown while it is imported
