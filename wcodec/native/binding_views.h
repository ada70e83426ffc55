// What the coders that see arrays as views share: payloads of several arrays, and what they would cost.
#ifndef WCZ_BINDING_VIEWS_H
#define WCZ_BINDING_VIEWS_H

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "binding.h"

namespace wcz {

// The views of all arrays of a payload, with the scratch that the widest of them needs.
class Views {
public:
    // `room(view)`: bytes of scratch, aligned to four. The views have so many symbols together, or it is a Fault.
    template <typename Room>
    Views(const std::vector<wcz_view> &all, size_t symbols, Room room) : all_(all) {
        size_t widest = 0, rest = symbols;
        for (const wcz_view &view : all) {
            counts_.push_back(product(view, rest));
            rest -= counts_.back();
            if (counts_.back() != 0) {
                widest = std::max(widest, room(&view));
            }
        }
        if (rest != 0) {
            throw Fault{WCZ_ARGUMENT};
        }
        scratch_.resize(widest / 4 + 1);
    }

    // code(view, scratch, its size, symbols, their number) of each array that has any, up to the first status that is not
    // WCZ_OK.
    template <typename Symbol, typename Code>
    wcz_status each(Symbol *symbols, Code code) {
        wcz_status status = WCZ_OK;
        for (size_t i = 0; i < all_.size() && status == WCZ_OK; symbols += counts_[i++]) {
            if (counts_[i] != 0) {
                status = code(&all_[i], scratch_.data(), 4 * scratch_.size(), symbols, counts_[i]);
            }
        }
        return status;
    }

private:
    // Elements of a view; a Fault where they are more than the symbols that are left.
    static size_t product(const wcz_view &view, size_t most) {
        const std::array<uint64_t, 4> sizes = {view.rows, view.channels, view.kernel_rows, view.kernel_columns};
        uint64_t count = std::count(sizes.begin(), sizes.end(), uint64_t{0}) ? 0 : 1;
        for (size_t i = 0; count != 0 && i < sizes.size(); i++) {
            if (sizes[i] > most / count) {
                throw Fault{WCZ_ARGUMENT};
            }
            count *= sizes[i];
        }
        return static_cast<size_t>(count);
    }

    std::vector<wcz_view> all_;
    std::vector<size_t> counts_;
    std::vector<uint32_t> scratch_;
};

// A coder names its encoder, decoder and meter, the tuple that Python has for a view, and their functions: view_of, room,
// and for each of the three `start`, `array` (as Views::each calls it) and `end`.
template <typename Coder>
Views views_of(const std::vector<typename Coder::Tuple> &tuples, size_t symbols) {
    std::vector<wcz_view> all(tuples.size());
    std::transform(tuples.begin(), tuples.end(), all.begin(), Coder::view_of);
    return Views(all, symbols, Coder::room);
}

template <typename Coder>
nb::bytes encode(ConstSymbols values, const std::vector<typename Coder::Tuple> &tuples) {
    auto encoder = std::make_unique<typename Coder::Encoder>();
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        Views views = views_of<Coder>(tuples, values.size());
        uint64_t capacity = values.size() + 64;
        wcz_status status = WCZ_CAPACITY;
        for (; status == WCZ_CAPACITY; capacity *= 4) {  // a symbol takes some 60 bytes at most, 3 bits as a rule
            payload = allocate(capacity);
            Coder::start(encoder.get(), payload.get(), static_cast<size_t>(capacity));
            status = views.each(values.data(), [&](auto... array) { return Coder::array(encoder.get(), array...); });
            if (status == WCZ_OK) {
                status = Coder::end(encoder.get(), &written);
            }
        }
        require(status);
    }
    return nb::bytes(payload.get(), written);
}

template <typename Coder>
void decode(nb::handle source, const std::vector<typename Coder::Tuple> &tuples, Symbols out) {
    auto decoder = std::make_unique<typename Coder::Decoder>();
    Payload payload(source);
    nb::gil_scoped_release unlocked;
    Views views = views_of<Coder>(tuples, out.size());
    Coder::start(decoder.get(), payload.data(), payload.size());
    require(views.each(out.data(), [&](auto... array) { return Coder::array(decoder.get(), array...); }));
    require(Coder::end(decoder.get()));
}

template <typename Coder>
uint64_t cost(ConstSymbols values, const std::vector<typename Coder::Tuple> &tuples, std::optional<Costs> costs) {
    auto meter = std::make_unique<typename Coder::Meter>();
    uint32_t *next = costs_of(costs, values.size());
    nb::gil_scoped_release unlocked;
    Views views = views_of<Coder>(tuples, values.size());
    Coder::start(meter.get());
    require(views.each(values.data(), [&](auto *view, void *scratch, size_t size, auto *symbols, size_t count) {
        wcz_status status = Coder::array(meter.get(), view, scratch, size, symbols, count, next);
        next += next ? count : 0;
        return status;
    }));
    return meter->cost;
}

}  // namespace wcz

#endif
