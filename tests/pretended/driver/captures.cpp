// Captures and graphs: what is given in a capture is put down, and done by every launch.
#include "books.h"

using namespace pretended;

namespace {

Graph &graph_of(void *handle) { return *static_cast<Graph *>(handle); }

bool joined(const Capture &capture) {
  for (const Stream *stream : capture.streams) {
    const auto found = capture.origin->behind.find(stream);
    const long behind = found == capture.origin->behind.end() ? 0 : found->second;
    if (stream != capture.origin && behind < stream->given)
      return false;
  }
  return true;
}

cudaError_t ended(const Capture &capture, bool whole) {
  if (capture.spoiled)
    return fail(cudaErrorStreamCaptureInvalidated, "a capture ends that was spoiled");
  if (!whole)
    return fail(cudaErrorStreamCaptureUnjoined, "a capture ends");
  return cudaSuccess;
}

} // namespace

CALL cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
  std::swap(*mode, thread_mode());
  return cudaSuccess;
}

CALL cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const Guard guard(books().lock);
  Stream &stream = stream_of(handle);
  if (is_legacy(handle))
    return fail(cudaErrorStreamCaptureUnsupported, "a capture of the legacy stream");
  if (stream.capture != nullptr)
    return fail(cudaErrorIllegalState, "a capture begins within a capture");
  const unsigned long long id = books().next_capture++;
  const auto capture = new Capture{id, &stream, mode, std::this_thread::get_id()};
  books().captures[id].reset(capture);
  capture->streams.insert(&stream);
  stream.capture = capture;
  stream.given = 0;
  stream.behind.clear();
  return cudaSuccess;
}

CALL cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *made) {
  std::unique_ptr<Capture> over; // goes last, unlocked: forgetting its work may want Python's lock
  const Guard guard(books().lock);
  Stream &stream = stream_of(handle);
  *made = nullptr;
  if (stream.capture == nullptr)
    return fail(cudaErrorIllegalState, "a capture ends that never began");
  Capture &capture = *stream.capture;
  if (capture.origin != &stream)
    return spoil(capture, cudaErrorStreamCaptureUnmatched, "a capture ends");
  if (capture.mode != cudaStreamCaptureModeRelaxed && capture.thread != std::this_thread::get_id())
    return spoil(capture, cudaErrorStreamCaptureWrongThread, "a capture ends");
  const cudaError_t error = ended(capture, joined(capture));
  for (Stream *one : capture.streams) {
    one->capture = nullptr;
    one->behind.clear();
  }
  if (error == cudaSuccess)
    *made = reinterpret_cast<cudaGraph_t>(capture.graph.release());
  over = std::move(books().captures[capture.id]);
  books().captures.erase(over->id);
  return error;
}

CALL cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus *status) {
  const Guard guard(books().lock);
  if (is_legacy(handle))
    for (const auto &[id, capture] : books().captures)
      if ((capture->origin->flags & cudaStreamNonBlocking) == 0)
        return fail(cudaErrorStreamCaptureImplicit, "the legacy stream is asked about a capture");
  const Capture *capture = stream_of(handle).capture;
  *status = capture == nullptr ? cudaStreamCaptureStatusNone
            : capture->spoiled ? cudaStreamCaptureStatusInvalidated
                               : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

CALL cudaError_t cudaStreamGetCaptureInfo(cudaStream_t handle, cudaStreamCaptureStatus *status,
                                          unsigned long long *id, cudaGraph_t *graph,
                                          const cudaGraphNode_t **needs,
                                          const cudaGraphEdgeData **edges, size_t *count) {
  const Guard guard(books().lock);
  if (const cudaError_t error = cudaStreamIsCapturing(handle, status))
    return error;
  const Capture *capture = stream_of(handle).capture;
  if (capture == nullptr)
    return cudaSuccess;
  if (id != nullptr)
    *id = capture->id;
  if (graph != nullptr)
    *graph = reinterpret_cast<cudaGraph_t>(capture->graph.get());
  if (needs != nullptr)
    *needs = nullptr; // nodes have no handles: nobody adds to a graph by hand
  if (edges != nullptr)
    *edges = nullptr;
  if (count != nullptr)
    *count = 0;
  return cudaSuccess;
}

CALL cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *made, cudaGraph_t graph,
                                               unsigned long long) {
  *made = reinterpret_cast<cudaGraphExec_t>(new Graph(graph_of(graph)));
  return cudaSuccess;
}

CALL cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t handle) {
  return give(handle, {"a graph", [graph] {
                         for (const Work &work : graph_of(graph))
                           if (work.act)
                             work.act();
                       }});
}

CALL cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete &graph_of(graph);
  return cudaSuccess;
}

CALL cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete &graph_of(graph);
  return cudaSuccess;
}

CALL cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *, size_t *count) {
  *count = graph_of(graph).size();
  return cudaSuccess;
}
