"""MediaPipe's selfie models as a process that answers small pictures with mattes, through its own input and output.

MediaPipe pins an old NumPy and brings an OpenCV of its own, so ``streamer.segmentation.mediapipe_runtime`` starts this
file with the interpreter of another virtual environment, and it imports nothing of ours.

It begins with a line that holds MediaPipe's version. Then, for each ``QUESTION`` (forget earlier pictures? width,
height) followed by RGB bytes, it gives width times height floats, row by row, in this machine's byte order. It ends
when its input does, whatever it is doing.
"""

import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which then ends this

import queue  # noqa: E402 - what takes long to import comes after that
import struct  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import traceback  # noqa: E402

QUESTION = struct.Struct("<?HH")
GENERAL, LANDSCAPE = 0, 1
"""``model_selection`` of the model for 256x256, and of that for pictures wider than high, 256x144."""


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    questions = queue.SimpleQueue()
    threading.Thread(target=listen, args=(questions,), daemon=True).start()

    import mediapipe
    import numpy as np

    models = {}
    open_model = mediapipe.solutions.selfie_segmentation.SelfieSegmentation
    answers.write(f"{mediapipe.__version__}\n".encode())
    answers.flush()
    while True:
        forgets, width, height, pixels = questions.get()
        selection = LANDSCAPE if width > height else GENERAL
        if selection not in models:
            models[selection] = open_model(model_selection=selection)
        elif forgets:
            models[selection].reset()
        picture = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
        alpha = np.asarray(models[selection].process(picture).segmentation_mask, np.float32)
        answers.write(np.ascontiguousarray(alpha.reshape(height, width)).tobytes())
        answers.flush()


def listen(questions: queue.SimpleQueue) -> None:
    """Take in questions; at their end, also that of a program that was killed, end the process."""
    read = sys.stdin.buffer.read
    while len(head := read(QUESTION.size)) == QUESTION.size:
        forgets, width, height = QUESTION.unpack(head)
        pixels = read(width * height * 3)
        questions.put((forgets, width, height, pixels))
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # Python itself would wait for the thread that listens, and complain
