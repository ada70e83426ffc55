// The mixing coder for Python: payloads of several arrays, and what they would cost.
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

namespace {

using ConstSymbols = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Symbols = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using ViewTuple = std::array<uint64_t, 4>;  // rows, channels, kernel rows, kernel columns

// The views of all arrays of a payload, with the scratch that the widest of them needs.
class Views {
public:
    Views(const std::vector<ViewTuple> &tuples, size_t symbols) {
        size_t widest = 0, rest = symbols;
        for (const ViewTuple &t : tuples) {
            all_.push_back({t[0], t[1], t[2], t[3]});
            counts_.push_back(product(t, rest));
            rest -= counts_.back();
            if (counts_.back() != 0) {
                widest = std::max(widest, wcz_mixing_scratch(&all_.back()));
            }
        }
        if (rest != 0) {
            throw Fault{WCZ_ARGUMENT};
        }
        scratch_.resize(widest / 4 + 1);
    }

    // code(view, scratch, its size, symbols, their number) of each array, up to the first status that is not WCZ_OK.
    template <typename Symbol, typename Code>
    wcz_status each(Symbol *symbols, Code code) {
        wcz_status status = WCZ_OK;
        for (size_t i = 0; i < all_.size() && status == WCZ_OK; symbols += counts_[i++]) {
            status = code(&all_[i], scratch_.data(), 4 * scratch_.size(), symbols, counts_[i]);
        }
        return status;
    }

private:
    // Elements of a view; a Fault where they are more than the symbols that are left.
    static size_t product(const ViewTuple &t, size_t most) {
        uint64_t count = std::count(t.begin(), t.end(), uint64_t{0}) ? 0 : 1;
        for (size_t i = 0; count != 0 && i < t.size(); i++) {
            if (t[i] > most / count) {
                throw Fault{WCZ_ARGUMENT};
            }
            count *= t[i];
        }
        return static_cast<size_t>(count);
    }

    std::vector<wcz_view> all_;
    std::vector<size_t> counts_;
    std::vector<uint32_t> scratch_;
};

nb::bytes mixing_encode(ConstSymbols values, const std::vector<ViewTuple> &tuples) {
    auto encoder = std::make_unique<wcz_mixing_encoder>();
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        Views views(tuples, values.size());
        uint64_t capacity = values.size() + 64;
        wcz_status status = WCZ_CAPACITY;
        for (; status == WCZ_CAPACITY; capacity *= 4) {  // a symbol takes some 60 bytes at most, 3 bits as a rule
            payload = allocate(capacity);
            wcz_mixing_encode_start(encoder.get(), payload.get(), static_cast<size_t>(capacity));
            status = views.each(values.data(), [&](auto... array) {
                return wcz_mixing_encode_array(encoder.get(), array...);
            });
            if (status == WCZ_OK) {
                status = wcz_mixing_encode_end(encoder.get(), &written);
            }
        }
        require(status);
    }
    return nb::bytes(payload.get(), written);
}

void mixing_decode(nb::handle source, const std::vector<ViewTuple> &tuples, Symbols out) {
    auto decoder = std::make_unique<wcz_mixing_decoder>();
    Payload payload(source);
    nb::gil_scoped_release unlocked;
    Views views(tuples, out.size());
    wcz_mixing_decode_start(decoder.get(), payload.data(), payload.size());
    require(views.each(out.data(), [&](auto... array) { return wcz_mixing_decode_array(decoder.get(), array...); }));
    require(wcz_mixing_decode_end(decoder.get()));
}

uint64_t mixing_cost(ConstSymbols values, const std::vector<ViewTuple> &tuples, std::optional<Costs> costs) {
    auto meter = std::make_unique<wcz_mixing_meter>();
    uint32_t *next = costs_of(costs, values.size());
    nb::gil_scoped_release unlocked;
    Views views(tuples, values.size());
    wcz_mixing_cost_start(meter.get());
    require(views.each(values.data(), [&](auto *view, void *scratch, size_t size, auto *symbols, size_t count) {
        wcz_status status = wcz_mixing_cost_array(meter.get(), view, scratch, size, symbols, count, next);
        next += next ? count : 0;
        return status;
    }));
    return meter->cost;
}

}  // namespace

void bind_mixing(nb::module_ &module) {
    using namespace nb::literals;
    module.def("mixing_encode", &mixing_encode, "values"_a.noconvert(), "views"_a);
    module.def("mixing_decode", &mixing_decode, "payload"_a, "views"_a, "out"_a.noconvert());
    module.def("mixing_cost", &mixing_cost, "values"_a.noconvert(), "views"_a, "costs"_a.noconvert() = nb::none());
    module.def("mixing_most_symbols", &wcz_mixing_most_symbols, "size"_a);
}

}  // namespace wcz
