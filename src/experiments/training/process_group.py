"""Several processes that train one network, through torch.distributed: gloo on CPUs, NCCL between GPUs.

They meet once in every update: gradients, scores, the first process's clock and the signals that any of them received
are summed at the same time. All sums have the same bits in all processes, so these decide alike: about the best epoch,
patience, schedules, divergence, stopping, saving.
"""

import contextlib
import datetime
import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from ..config.errors import ConfigError
from ..config.launch import Launch
from ..interfaces.data import Window
from ..interfaces.model import Score, State
from ..interfaces.share import Share
from ..tracking.interruption import ProcessLost
from .processes import Processes

T = TypeVar("T")

TIMEOUT = datetime.timedelta(minutes=30)  # that one process waits for another at most: the first may read data long
SMALL = 1 << 18  # numbers, below which a message costs more than the copy into a common one
COUNTER = itertools.count()  # of the runs of this process


class ProcessGroup(Processes):
    """This process among others; entering it waits until all have come."""

    def __init__(self, launch: Launch):
        super().__init__(launch)
        self._clock = 0.0  # of the first process, when all met last
        self._received = self._agreed = 0  # signals, 0: none
        self._gpus: dist.ProcessGroup | None = None

    def __enter__(self) -> Self:
        with self._others():
            store = PrefixStore(f"run {next(COUNTER)}", _meeting_place(self.launch))
            dist.init_process_group("gloo", store=store, rank=self.launch.rank, world_size=self.size, timeout=TIMEOUT)
            self.add_up([])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the others; not before the first one, whose run torchrun would end as soon as one process fails.

        But at once where one is lost: another may wait for what this process was to send, and learns of it only by the
        end of this process. Nothing is taken down then, which would wait, too.
        """
        if isinstance(error, ProcessLost):
            return
        if kind is None or issubclass(kind, KeyboardInterrupt) or hasattr(error, "outcome"):
            self.wait_for_first()
        if dist.is_initialized():
            dist.destroy_process_group()

    def own(self, window: Window, is_divided: bool = True) -> tuple[Window, Share]:
        share = Share.among(window.inputs.shape[1], self.launch.rank, self.size if is_divided else 1)
        return share.of(window), share

    def add_up(self, scores: Sequence[Score], parameters: Sequence[torch.nn.Parameter] = ()) -> Sequence[Score]:
        sums = [_as_vector(score) for score in scores]
        gradients = [_gradient(parameter) for parameter in parameters if parameter.grad is not None]
        # The first one's clock; in how many processes a score lacks nats, or correct targets; the signal of each.
        pulse = torch.zeros(3 + self.size, dtype=torch.float64)
        pulse[0] = time.monotonic() if self.is_first else 0.0
        pulse[1] = any(score.nats is None for score in scores)
        pulse[2] = any(score.correct is None for score in scores)
        pulse[3 + self.launch.rank] = self._received
        with self._others():
            self._sum([*gradients, *sums, pulse])
        self._clock, lacks_nats, lacks_correct, *signals = pulse.tolist()
        self._agreed = next((int(number) for number in signals if number), 0)
        return [_as_score(vector, bool(lacks_nats), bool(lacks_correct)) for vector in sums]

    def agreed(self, received: int | None) -> int | None:
        self._received = received or 0
        return self._agreed or None

    def now(self) -> float:
        return self._clock

    def read_clock(self) -> None:
        self._clock = self.from_first(time.monotonic)

    def from_first(self, make: Callable[[], T]) -> T:
        made: list[Any] = [make() if self.is_first else None]
        with self._others():
            dist.broadcast_object_list(made, src=0)
        value: T = made[0]
        return value

    def refuse_differences(self, what: str) -> None:
        all_of_them: list[Any] = [None] * self.size
        with self._others():
            dist.all_gather_object(all_of_them, what)
        if different := [rank for rank, other in enumerate(all_of_them) if other != all_of_them[0]]:
            raise ConfigError(
                f"process {different[0]} would compute something else than process 0: give all machines the same "
                "command, data and code of your own"
            )

    def whole(self, state: State, share: Share | None) -> State:
        own = () if share is None or share.is_spare else tuple(part.cpu() for part in state)
        parts: list[Any] | None = [None] * self.size if self.is_first else None
        with self._others():
            dist.gather_object(own, parts, dst=0)
        return tuple(torch.cat(each, dim=1) for each in zip(*filter(None, parts or [])))

    def shared(self, state: State) -> tuple[State, Share | None]:
        if not state:
            return state, None
        share = Share.among(state[0].shape[1], self.launch.rank, self.size)
        return tuple(part[:, share.columns].contiguous() for part in state), share

    def wait_for_first(self) -> None:
        if not self.is_first and dist.is_initialized():
            with contextlib.suppress(RuntimeError):  # what ends the wait: nothing is sent
                dist.recv(torch.zeros(1), src=0)

    def _sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their sums over the processes, all at once; small ones travel together."""
        together = [tensor for tensor in tensors if not tensor.is_sparse and tensor.numel() < SMALL]
        alone = [tensor for tensor in tensors if tensor.is_sparse or tensor.numel() >= SMALL]
        kinds = {(tensor.device, tensor.dtype): None for tensor in together}
        groups = [[tensor for tensor in together if (tensor.device, tensor.dtype) == kind] for kind in kinds]
        packed = [torch.cat([tensor.flatten() for tensor in group]) for group in groups]
        for work in [self._begin(tensor) for tensor in (*alone, *packed)]:
            work.wait()
        for group, sums in zip(groups, packed):
            for tensor, total in zip(group, sums.split([tensor.numel() for tensor in group])):
                tensor.copy_(total.view_as(tensor))

    def _begin(self, tensor: Tensor) -> Any:
        """Begin to add up a tensor; `wait` of what is returned ends when that is done.

        On a GPU it orders the work that follows behind it.
        """
        if tensor.device.type == "cpu":
            return dist.all_reduce(tensor, async_op=True)
        if self._gpus is None:
            self._gpus = dist.new_group(backend="nccl", timeout=TIMEOUT)
        return dist.all_reduce(tensor, group=self._gpus, async_op=True)

    @contextlib.contextmanager
    def _others(self) -> Iterator[None]:
        """Raises ProcessLost where torch raises that others do not answer."""
        try:
            yield
        except RuntimeError as error:
            raise ProcessLost(f"another of the {self.size} processes ended or cannot be reached any more") from error


@functools.cache
def _meeting_place(launch: Launch) -> Any:
    """Where the processes find each other: at the address that torchrun gave them, once for all runs of a process."""
    return next(rendezvous("env://", launch.rank, launch.size))[0]


def _as_vector(score: Score) -> Tensor:
    """A score as its sums (3,), in float64, where its loss is."""
    parts = (score.loss, 0.0 if score.nats is None else score.nats, 0 if score.correct is None else score.correct)
    device = score.loss.device if isinstance(score.loss, Tensor) else None
    return torch.stack([torch.as_tensor(part, dtype=torch.float64, device=device).detach() for part in parts])


def _as_score(vector: Tensor, lacks_nats: bool, lacks_correct: bool) -> Score:
    loss, nats, correct = vector.unbind()
    return Score(loss, None if lacks_nats else nats, None if lacks_correct else correct.long())


def _gradient(parameter: torch.nn.Parameter) -> Tensor:
    """The gradient of a parameter as it can be sent; a row-sparse one stays so."""
    gradient = parameter.grad
    assert gradient is not None
    parameter.grad = gradient = gradient.coalesce() if gradient.is_sparse else gradient.contiguous()
    return gradient
