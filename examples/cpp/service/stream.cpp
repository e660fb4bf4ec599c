#include "stream.h"

#include <nlohmann/json.hpp>

#include <chrono>

using Json = nlohmann::json;

namespace {

const char *name_of(proxyfuse::FinishReason reason) {
  switch (reason) {
  case proxyfuse::FinishReason::stop:
    return "stop";
  case proxyfuse::FinishReason::length:
    return "length";
  case proxyfuse::FinishReason::abort:
    return "abort";
  case proxyfuse::FinishReason::error:
    return "error";
  case proxyfuse::FinishReason::none:
    break;
  }
  return nullptr;
}

// One server-sent event: what is new, and how it ended once it has.
std::string event_of(const proxyfuse::Output &news) {
  const proxyfuse::Completion &continuation = news.outputs.at(0);
  Json json{{"text", continuation.text}, {"token_ids", continuation.token_ids}};
  if (const char *reason = name_of(continuation.finish_reason))
    json["finish_reason"] = reason;
  if (!continuation.error.empty())
    json["error"] = continuation.error;
  return "data: " + json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
}

} // namespace

std::shared_ptr<Stream> Stream::open(proxyfuse::Engine &engine, proxyfuse::Request request,
                                     Seat seat) {
  auto mailbox = std::make_shared<Mailbox>();
  const auto id = engine.try_submit(std::move(request), [mailbox](const proxyfuse::Output &news) {
    mailbox->put(event_of(news), news.finished);
  });
  if (!id)
    return nullptr;
  return std::make_shared<Stream>(engine, *id, std::move(mailbox), std::move(seat));
}

Stream::Stream(proxyfuse::Engine &engine, proxyfuse::RequestId id, std::shared_ptr<Mailbox> mailbox,
               Seat seat)
    : engine_(engine), id_(id), mailbox_(std::move(mailbox)), seat_(std::move(seat)) {}

Stream::~Stream() { engine_.cancel(id_); }

bool Stream::pump(httplib::DataSink &sink) {
  Mail mail = mailbox_->take(std::chrono::seconds(1));
  if (mail.events.empty() && !mail.last)
    mail.events = ":\n\n"; // a comment; sending it is how a client that left is found out
  if (!sink.is_writable() || !sink.write(mail.events.data(), mail.events.size()))
    return false;
  if (mail.last)
    sink.done();
  return true;
}
