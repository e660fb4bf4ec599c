#include "books.h"

#include "device.h"

namespace pretended {

Books &books() {
  static Books &books = *new Books;
  return books;
}

cudaStreamCaptureMode &thread_mode() {
  thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  return mode;
}

bool is_legacy(cudaStream_t handle) { return handle == nullptr || handle == cudaStreamLegacy; }

Stream &stream_of(cudaStream_t handle) {
  if (is_legacy(handle) || handle == cudaStreamPerThread) {
    const Guard guard(books().lock);
    Stream &legacy = books().legacy[current_device()];
    legacy.device = current_device();
    return legacy;
  }
  Stream &stream = *reinterpret_cast<Stream *>(handle);
  if (!stream.alive)
    tell("a stream is used that was destroyed");
  return stream;
}

cudaError_t spoil(Capture &capture, cudaError_t error, const std::string &why) {
  capture.spoiled = true;
  return fail(error, why);
}

cudaError_t unsafe(const std::string &what) {
  if (thread_mode() == cudaStreamCaptureModeRelaxed)
    return cudaSuccess;
  const Guard guard(books().lock);
  for (const auto &[id, capture] : books().captures) {
    const bool mine = capture->thread == std::this_thread::get_id();
    const bool all = capture->mode == cudaStreamCaptureModeGlobal &&
                     thread_mode() == cudaStreamCaptureModeGlobal;
    if (capture->mode != cudaStreamCaptureModeRelaxed && (mine || all))
      return spoil(*capture, cudaErrorStreamCaptureUnsupported, what);
  }
  return cudaSuccess;
}

cudaError_t unsafe_for(Stream &stream, const std::string &what) {
  const Guard guard(books().lock);
  if (stream.capture != nullptr)
    return spoil(*stream.capture, cudaErrorStreamCaptureUnsupported, what);
  return unsafe(what);
}

namespace {

// The legacy stream is behind every blocking stream, and so would be behind a capture.
cudaError_t meets_capture(const std::string &what) {
  for (const auto &[id, capture] : books().captures)
    if ((capture->origin->flags & cudaStreamNonBlocking) == 0)
      return spoil(*capture, cudaErrorStreamCaptureImplicit, what);
  return cudaSuccess;
}

// CUDA takes it without a word, and does it once instead of at every replay.
void note_outside(const std::string &what) {
  for (const auto &[id, capture] : books().captures)
    if (capture->thread == std::this_thread::get_id()) {
      ++books().outside;
      tell(what + ": given outside of the capture that its thread is in");
    }
}

} // namespace

cudaError_t give(cudaStream_t handle, Work work) {
  {
    const Guard guard(books().lock);
    if (is_legacy(handle))
      if (const cudaError_t error = meets_capture(work.name))
        return error;
    Stream &stream = stream_of(handle);
    if (stream.capture != nullptr && stream.capture->spoiled)
      return fail(cudaErrorStreamCaptureInvalidated, work.name);
    ++stream.given;
    if (stream.capture != nullptr) {
      stream.capture->graph->push_back(std::move(work));
      return cudaSuccess;
    }
    note_outside(work.name);
  }
  if (work.act) // unlocked: it may want Python, whose lock another caller holds
    work.act();
  return cudaSuccess;
}

} // namespace pretended
