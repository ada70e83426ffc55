// The coder of round messages for Python: tensors of a schema, with the memories that numpy arrays hold.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "binding.h"
#include "wcz_temporal.h"

namespace wcz {

namespace {

template <typename T>
using Array = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

using Layout = std::vector<std::array<uint64_t, 3>>;  // rows, columns, kind of each tensor
using MemoryArrays = std::tuple<Array<uint16_t>, Array<int8_t>, Array<uint32_t>, Array<uint32_t>, Array<uint32_t>>;

// The tensors of a schema: where each begins in arrays of one entry a weight, a row or a column.
struct Places {
    struct Place {
        size_t rows, columns, weight, row, column;
        unsigned kind;
    };
    std::vector<Place> all;
    size_t weights = 0, rows = 0, columns = 0, widest = 0;

    explicit Places(const Layout &layout) {
        for (const auto &t : layout) {
            if (!t[0] || !t[1] || t[2] > 2 || t[0] > WCZ_TEMPORAL_ROWS || t[1] > (SIZE_MAX / 32 - weights) / t[0]) {
                throw Fault{WCZ_ARGUMENT};
            }
            all.push_back({size_t(t[0]), size_t(t[1]), weights, rows, columns, unsigned(t[2])});
            weights += size_t(t[0] * t[1]);
            rows += size_t(t[0]);
            columns += size_t(t[1]);
            widest = std::max(widest, size_t(t[1]));
        }
    }
};

// What is remembered of each tensor; nothing, where Python gave None.
class Memories {
public:
    Memories(std::optional<MemoryArrays> arrays, const Places &places) {
        if (!arrays) {
            return;
        }
        auto &[activity, last, rows, columns, means] = *arrays;
        if (activity.size() != places.weights || last.size() != places.weights || rows.size() != places.rows ||
            columns.size() != places.columns || means.size() != places.all.size()) {
            throw Fault{WCZ_ARGUMENT};
        }
        for (size_t t = 0; t < places.all.size(); t++) {
            const auto &at = places.all[t];
            all_.push_back({activity.data() + at.weight, last.data() + at.weight, rows.data() + at.row,
                            columns.data() + at.column, means.data() + t});
        }
    }

    const wcz_temporal_memory *of(size_t tensor) const { return all_.empty() ? nullptr : &all_[tensor]; }

private:
    std::vector<wcz_temporal_memory> all_;
};

wcz_temporal_model *model_of(Array<uint32_t> &words) {
    if (words.size() != WCZ_TEMPORAL_WORDS) {
        throw Fault{WCZ_ARGUMENT};
    }
    return reinterpret_cast<wcz_temporal_model *>(words.data());
}

// code(tensor, scratch, its words, symbols) of each tensor, up to the first status that is not WCZ_OK.
template <typename Symbol, typename Code>
wcz_status each(const Places &places, const Memories &broadcast, const Memories &own, Symbol *symbols, Code code) {
    std::vector<uint32_t> scratch(2 * places.widest);
    for (size_t t = 0; t < places.all.size(); t++) {
        const auto &at = places.all[t];
        const wcz_temporal_tensor tensor = {at.rows, at.columns, at.kind, broadcast.of(t), own.of(t)};
        wcz_status status = code(&tensor, scratch.data(), scratch.size(), symbols + at.weight);
        if (status != WCZ_OK) {
            return status;
        }
    }
    return WCZ_OK;
}

nb::bytes temporal_encode(Array<const int32_t> symbols, const Layout &layout, std::optional<MemoryArrays> broadcast,
                          std::optional<MemoryArrays> own, Array<uint32_t> words) {
    const Places places(layout);
    const Memories heard(broadcast, places), said(own, places);
    wcz_temporal_model *model = model_of(words);
    if (symbols.size() != places.weights) {
        throw Fault{WCZ_ARGUMENT};
    }
    auto encoder = std::make_unique<wcz_temporal_encoder>();
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        uint64_t capacity = symbols.size() / 4 + 64;
        wcz_status status = WCZ_CAPACITY;
        for (; status == WCZ_CAPACITY; capacity *= 4) {
            payload = allocate(capacity);
            wcz_temporal_encode_start(encoder.get(), payload.get(), static_cast<size_t>(capacity));
            encoder->model = *model;
            status = each(places, heard, said, symbols.data(), [&](auto... tensor) {
                return wcz_temporal_encode_tensor(encoder.get(), tensor...);
            });
            if (status == WCZ_OK) {
                status = wcz_temporal_encode_end(encoder.get(), &written);
            }
        }
        require(status);
        *model = encoder->model;
    }
    return nb::bytes(payload.get(), written);
}

void temporal_decode(nb::handle source, const Layout &layout, std::optional<MemoryArrays> broadcast,
                     std::optional<MemoryArrays> own, Array<uint32_t> words, Array<int32_t> out) {
    const Places places(layout);
    const Memories heard(broadcast, places), said(own, places);
    wcz_temporal_model *model = model_of(words);
    if (out.size() != places.weights) {
        throw Fault{WCZ_ARGUMENT};
    }
    auto decoder = std::make_unique<wcz_temporal_decoder>();
    Payload payload(source);
    nb::gil_scoped_release unlocked;
    wcz_temporal_decode_start(decoder.get(), payload.data(), payload.size());
    decoder->model = *model;
    require(each(places, heard, said, out.data(), [&](auto... tensor) {
        return wcz_temporal_decode_tensor(decoder.get(), tensor...);
    }));
    require(wcz_temporal_decode_end(decoder.get()));
    *model = decoder->model;
}

void temporal_remember(Array<const int32_t> symbols, const Layout &layout, MemoryArrays memory) {
    const Places places(layout);
    const Memories memories(memory, places);
    if (symbols.size() != places.weights) {
        throw Fault{WCZ_ARGUMENT};
    }
    nb::gil_scoped_release unlocked;
    std::vector<uint32_t> scratch(places.widest);
    for (size_t t = 0; t < places.all.size(); t++) {
        const auto &at = places.all[t];
        require(wcz_temporal_remember(memories.of(t), at.rows, at.columns, scratch.data(), scratch.size(),
                                      symbols.data() + at.weight));
    }
}

void temporal_start(Array<uint32_t> words) { wcz_temporal_start(model_of(words)); }

}  // namespace

void bind_temporal(nb::module_ &module) {
    using namespace nb::literals;
    module.attr("TEMPORAL_WORDS") = size_t{WCZ_TEMPORAL_WORDS};
    module.def("temporal_start", &temporal_start, "model"_a.noconvert());
    module.def("temporal_encode", &temporal_encode, "symbols"_a.noconvert(), "layout"_a, "broadcast"_a.none(),
               "own"_a.none(), "model"_a.noconvert());
    module.def("temporal_decode", &temporal_decode, "payload"_a, "layout"_a, "broadcast"_a.none(), "own"_a.none(),
               "model"_a.noconvert(), "out"_a.noconvert());
    module.def("temporal_remember", &temporal_remember, "symbols"_a.noconvert(), "layout"_a, "memory"_a);
}

}  // namespace wcz
