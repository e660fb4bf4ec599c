#include "faults.h"

#include <cstdio>
#include <cstdlib>
#include <execinfo.h>
#include <unistd.h>
#include <utility>

namespace pretended {
namespace {

thread_local cudaError_t last = cudaSuccess;

constexpr std::pair<cudaError_t, const char *> kWords[] = {
    {cudaSuccess, "no error"},
    {cudaErrorInvalidValue, "invalid argument"},
    {cudaErrorMemoryAllocation, "out of memory"},
    {cudaErrorInvalidConfiguration, "invalid configuration argument"},
    {cudaErrorInvalidDevice, "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "invalid resource handle"},
    {cudaErrorIllegalState, "the operation cannot be performed in the present state"},
    {cudaErrorIllegalAddress, "an illegal memory access was encountered"},
    {cudaErrorNotSupported, "operation not supported"},
    {cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureMerge,
     "operation would result in a merge of separate capture sequences"},
    {cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"},
    {cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit,
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorCapturedEvent,
     "operation not permitted on an event last recorded in a capturing stream"},
    {cudaErrorStreamCaptureWrongThread,
     "attempt to terminate a thread-local capture sequence from another thread"},
};

} // namespace

void tell(const std::string &what) {
  std::fprintf(stderr, "pretended GPU: %s\n", what.c_str());
  std::fflush(stderr);
  static const bool callers = std::getenv("PRETENDED_BACKTRACE") != nullptr;
  if (!callers)
    return;
  void *frames[40];
  backtrace_symbols_fd(frames, backtrace(frames, 40), STDERR_FILENO);
}

cudaError_t fail(cudaError_t error, const std::string &why) {
  tell(why + ": " + words_for(error));
  return last = error;
}

const char *words_for(cudaError_t error) {
  for (const auto &[known, words] : kWords)
    if (known == error)
      return words;
  return "an error that the pretended driver has no words for";
}

} // namespace pretended

using namespace pretended;

CALL cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }
CALL cudaError_t cudaPeekAtLastError() { return last; }
CALL const char *cudaGetErrorString(cudaError_t error) { return words_for(error); }
CALL const char *cudaGetErrorName(cudaError_t error) { return words_for(error); }
