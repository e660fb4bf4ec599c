// Streams and events, by the names that CUDA's runtime has for them.
#include "books.h"
#include "device.h"

using namespace pretended;

namespace {

Event &event_of(cudaEvent_t handle) { return *reinterpret_cast<Event *>(handle); }

Capture *going_on(unsigned long long id) {
  const auto found = books().captures.find(id);
  return found == books().captures.end() ? nullptr : found->second.get();
}

void come_behind(Stream &stream, const Event &event) {
  for (const auto &[other, given] : event.behind)
    stream.behind[other] = std::max(stream.behind[other], given);
}

// What waits for an event of a capture is a part of that capture from there on.
cudaError_t wait_for_captured(cudaStream_t handle, Stream &stream, const Event &event) {
  Capture *capture = going_on(event.capture);
  if (capture == nullptr)
    return fail(cudaErrorCapturedEvent, "a wait for an event of a capture that is over");
  if (stream.capture != nullptr && stream.capture != capture) {
    stream.capture->spoiled = true;
    return spoil(*capture, cudaErrorStreamCaptureMerge, "a wait between two captures");
  }
  if (is_legacy(handle))
    return spoil(*capture, cudaErrorStreamCaptureImplicit, "the legacy stream joins a capture");
  if (stream.capture == nullptr) {
    stream.capture = capture;
    capture->streams.insert(&stream);
    stream.given = 0;
    stream.behind.clear();
  }
  come_behind(stream, event);
  return cudaSuccess;
}

// The host may ask neither for the end nor for the state of what is only written down.
cudaError_t ask(const Event &event, const std::string &what) {
  const Guard guard(books().lock);
  if (Capture *capture = going_on(event.capture))
    return spoil(*capture, cudaErrorCapturedEvent, what);
  return unsafe(what);
}

} // namespace

CALL cudaError_t cudaStreamCreateWithPriority(cudaStream_t *made, unsigned flags, int priority) {
  if (const cudaError_t error = unsafe("a new stream"))
    return error;
  *made = reinterpret_cast<cudaStream_t>(new Stream{current_device(), flags, priority});
  return cudaSuccess;
}

CALL cudaError_t cudaStreamCreate(cudaStream_t *made) {
  return cudaStreamCreateWithPriority(made, cudaStreamDefault, 0);
}

CALL cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  stream_of(handle).alive = false;
  return cudaSuccess;
}

CALL cudaError_t cudaStreamGetPriority(cudaStream_t handle, int *priority) {
  *priority = stream_of(handle).priority;
  return cudaSuccess;
}

CALL cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return unsafe_for(stream_of(handle), "a stream is asked whether it is done");
}

CALL cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return unsafe_for(stream_of(handle), "the host waits for a stream");
}

CALL cudaError_t cudaDeviceSynchronize() { return unsafe("the host waits for the device"); }

CALL cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t act, void *with) {
  return give(handle, {"a host's function", [=] { act(with); }});
}

CALL cudaError_t cudaStreamAddCallback(cudaStream_t handle, cudaStreamCallback_t act, void *with,
                                       unsigned) {
  return give(handle, {"a callback", [=] { act(handle, cudaSuccess, with); }});
}

CALL cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t what, unsigned) {
  const Guard guard(books().lock);
  Stream &stream = stream_of(handle);
  const Event &event = event_of(what);
  if (!event.recorded)
    tell("a stream waits for an event that was never recorded, so for nothing");
  if (event.capture != 0)
    return wait_for_captured(handle, stream, event);
  if (stream.capture != nullptr && event.recorded)
    return spoil(*stream.capture, cudaErrorStreamCaptureIsolation,
                 "a captured stream waits for what is outside");
  come_behind(stream, event);
  return cudaSuccess;
}

CALL cudaError_t cudaEventCreateWithFlags(cudaEvent_t *made, unsigned flags) {
  *made = reinterpret_cast<cudaEvent_t>(new Event{flags, current_device()});
  return cudaSuccess;
}

CALL cudaError_t cudaEventCreate(cudaEvent_t *made) { return cudaEventCreateWithFlags(made, 0); }

CALL cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  delete &event_of(handle);
  return cudaSuccess;
}

CALL cudaError_t cudaEventRecordWithFlags(cudaEvent_t handle, cudaStream_t where, unsigned) {
  const Guard guard(books().lock);
  Stream &stream = stream_of(where);
  Event &event = event_of(handle);
  if (stream.device != event.device)
    return fail(cudaErrorInvalidResourceHandle, "an event is recorded on another device");
  event.recorded = true;
  event.capture = stream.capture == nullptr ? 0 : stream.capture->id;
  event.behind = stream.behind;
  event.behind[&stream] = stream.given;
  clock_gettime(CLOCK_MONOTONIC, &event.at);
  return cudaSuccess;
}

CALL cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t where) {
  return cudaEventRecordWithFlags(handle, where, 0);
}

CALL cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return ask(event_of(handle), "an event is asked whether it is done");
}

CALL cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return ask(event_of(handle), "the host waits for an event");
}

// The host's time between the two calls: no promise but that it grows.
CALL cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
  const Event &start = event_of(from), &end = event_of(to);
  if (((start.flags | end.flags) & cudaEventDisableTiming) != 0 || !start.recorded || !end.recorded)
    return fail(cudaErrorInvalidResourceHandle, "time between events without timing");
  const auto seconds = static_cast<double>(end.at.tv_sec - start.at.tv_sec);
  const auto rest = static_cast<double>(end.at.tv_nsec - start.at.tv_nsec);
  *ms = static_cast<float>(seconds * 1e3 + rest * 1e-6);
  return cudaSuccess;
}
