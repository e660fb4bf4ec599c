#pragma once

#include "mailbox.h"
#include "seats.h"

#include <httplib.h>
#include <proxyfuse/engine.h>

#include <memory>

// One request on its way from the engine to a client. Cancelled at its end, if it is not over.
class Stream {
public:
  // Null where the engine's queue is full. Throws RequestError, EngineError.
  static std::shared_ptr<Stream> open(proxyfuse::Engine &engine, proxyfuse::Request request,
                                      Seat seat);
  Stream(proxyfuse::Engine &engine, proxyfuse::RequestId id, std::shared_ptr<Mailbox> mailbox,
         Seat seat);
  ~Stream();
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  // Sends what is new, or a sign of life after a second of silence. False where nobody listens.
  bool pump(httplib::DataSink &sink);

private:
  proxyfuse::Engine &engine_;
  const proxyfuse::RequestId id_;
  const std::shared_ptr<Mailbox> mailbox_; // the callback's, too: it may come after this has ended
  const Seat seat_;
};
